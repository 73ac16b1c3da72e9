"""What a run's last bits depend on beside its settings, and how a resumed run says so."""

import torch

from fpt_plugins.circumstances import circumstances, not_bitwise
from fpt_plugins.precision import choose_precision


def test_the_same_circumstances_need_no_stamp():
    """Asked twice in one process, nothing differs."""
    precision = choose_precision("cpu", "fp32")
    assert not_bitwise(7, circumstances(precision, 1), circumstances(precision, 1)) == []


def test_each_difference_is_named_with_both_values():
    """Threads, processes and a library that is not there any longer, in one sentence."""
    then = {"threads": "1", "processes": "1", "peft": "0.19", "torch": "2.15"}
    now = {"threads": "4", "processes": "2", "torch": "2.15"}
    (sentence,) = not_bitwise(7, then, now)
    assert sentence.split("; ") == [
        "resumed at step 7 with peft none, before it was 0.19",
        "processes 2, before it was 1",
        "threads 4, before it was 1",
    ]


def test_libraries_threads_and_the_device_are_among_them():
    """What torch itself says here; the number of cores is not: it changes nothing by itself."""
    found = circumstances(choose_precision("cpu", "fp32"), 3)
    assert torch.__version__.startswith(found["torch"])
    assert found["threads"] == str(torch.get_num_threads())
    assert (found["device"], found["precision"], found["processes"]) == ("cpu", "fp32", "3")
    assert "cores" not in found
