"""Several processes, as ``accelerate launch`` starts them, train what one process trains."""

import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from accelerate.utils import DistributedType

import fpt_plugins as fpt
from fpt_plugins.processes import Launched
from tests import warm_processes
from tests.warm_processes import FPT

WORDS = ["train", "bits/xor", "--backbone", "gpt2-mini", "--backbone-option", "layers=1", "--batch-size", "8"]


def test_two_processes_are_one_with_the_same_batch(tmp_path):
    """Two processes that share each batch end with one process's parameters, to rounding, in one folder."""
    words = [*WORDS, "--steps", "6", "--evaluate-every", "3", "--precision", "fp32", "--device", "cpu"]
    warm_processes.run(*FPT, *words, "--out", tmp_path / "one").check_returncode()
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    both = [*launch, "-m", "fpt_plugins", *words, "--out", str(tmp_path / "two")]
    found = subprocess.run(both, check=False, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    files = [tmp_path / name / "adapter" / "adapter.safetensors" for name in ("one", "two")]
    one, two = map(safetensors.torch.load_file, files)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5)
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert [json.loads(row)["step"] for row in rows[0]] == [json.loads(row)["step"] for row in rows[1]]


def test_a_batch_that_cannot_be_divided_equally_is_refused():
    """The mean of the means of unequal shares is not the mean over the batch."""
    processes = Launched(torch.device("cpu"))
    processes.check_shares(7)
    processes.count = 2
    processes.check_shares(8)
    with pytest.raises(fpt.ConfigurationError, match=r"2 processes cannot .* 7 equally\n.*size 8"):
        processes.check_shares(7)


@pytest.mark.parametrize("kind", sorted({*DistributedType} - {"NO", "MULTI_CPU", "MULTI_GPU"}))
def test_a_run_launched_with_anything_but_ddp_is_refused(monkeypatch, kind):
    """A sharded tensor has another digest in each process, and what was never tried is not trusted."""
    monkeypatch.setattr("accelerate.Accelerator.distributed_type", kind)
    with pytest.raises(fpt.ConfigurationError, match=f"launched with {kind.value}: .*\n.*--multi_gpu"):
        Launched(torch.device("cpu"))
