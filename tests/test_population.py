"""Runs that train together: each is what it would have been alone, whatever its neighbors do."""

import shutil
import signal

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.configuration import FAST_PARTS
from fpt_plugins.data import collate, tokenize
from fpt_plugins.population import Population
from fpt_plugins.record import RunRecord, read_record
from tests.xor_sweeps import (
    BODY,
    RATES,
    SETTINGS,
    XOR,
    assert_close,
    assert_same_bits,
    begin,
    drive,
    rows,
    stop,
    tensors,
)


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        (XOR, {}),
        (XOR, {"dropout": 0.2, "clip": 0.05, "group_lr": {"head": 1e-2}}),
        (XOR, {"train": "head"}),
        ("bits/memory", {"options": {"length": 40, "strings": 3, "patch": 10, "validation_size": 8}}),
        (
            "listops/lra",
            {"options": {"min_length": 20, "max_length": 90, "train_size": 60, "validation_size": 8}},
        ),
    ],
    ids=["plain", "dropout, clip and rates", "cached features", "fresh samples", "several lengths"],
)
def test_each_run_is_what_it_is_alone(tmp_path, task, changes):
    """Trained tensors, rows of the metrics, the best step and frozen digests: of two rates, each its seed."""
    settings = {**SETTINGS, **changes}
    together = fpt.train_population(task, out=tmp_path / "all", lr=RATES, seeds=2, **settings)
    for seed, rate in enumerate(RATES):
        name = f"lr={rate:g}-seed={seed}"
        alone = fpt.train(task, out=tmp_path / name, lr=rate, seed=seed, **settings)
        assert_close(tensors(tmp_path / "all" / name), tensors(tmp_path / name))
        for row, expected in zip(rows(tmp_path / "all" / name), rows(tmp_path / name), strict=True):
            assert row == pytest.approx(expected, abs=1e-4)
        for fact in ("source_digest", "held_digest_before", "held_digest_after", "best_step", "steps"):
            assert getattr(together[name], fact) == getattr(alone, fact), fact


def test_neighbors_do_not_matter_bit_for_bit(tmp_path):
    """What stands in another run's rows changes no bit: only how many rows there are can."""
    for name, rates in (("a", (1e-3, 1e-2)), ("b", (1e-3, 3e-4))):
        fpt.train_population(XOR, out=tmp_path / name, lr=rates, dropout=0.1, **SETTINGS)
    first, second = (tensors(tmp_path / name / "lr=0.001-seed=0") for name in ("a", "b"))
    assert_same_bits(first, second)


def test_a_run_that_fails_leaves_the_others_bit_for_bit(tmp_path):
    """With a neighbor whose weights explode a run ends with the bits that it has beside a healthy one."""
    healthy = fpt.train_population(XOR, out=tmp_path / "a", lr=(1e-3, 1e-2, 3e-3), **SETTINGS)
    found = fpt.train_population(XOR, out=tmp_path / "b", lr=(1e-3, 1e30, 3e-3), **SETTINGS)
    assert all(isinstance(each, RunRecord) for each in healthy.values())
    assert isinstance(found["lr=1e+30-seed=0"], fpt.NonFiniteError)
    for name in ("lr=0.001-seed=0", "lr=0.003-seed=0"):
        assert_same_bits(tensors(tmp_path / "b" / name), tensors(tmp_path / "a" / name))
        assert rows(tmp_path / "b" / name) == rows(tmp_path / "a" / name)
    failed = tmp_path / "b" / "lr=1e+30-seed=0"
    assert not (failed / "record.json").exists()
    assert not (failed / "adapter").exists()


def test_a_failed_run_is_left_as_it_was(tmp_path):
    """Its step is not taken, its reason is kept, and it takes no further part but for its rows."""
    _, population = begin(tmp_path / "all")
    with population as runs:
        poisoned, healthy = runs.trainings
        before = {}
        for name, row in runs.rows():
            if name == healthy and row["step"] == 3 and row["split"] == "train":
                arm = runs.bank.arms[poisoned]
                arm.model.output_head[0].bias.data[0] = torch.nan
                before.update({n: p.detach().clone() for n, p in arm.model.named_parameters()})
        assert "at step 4 the loss is nan" in runs.failures[poisoned].message
        for name, parameter in runs.bank.arms[poisoned].model.named_parameters():
            torch.testing.assert_close(parameter, before[name], rtol=0, atol=0, equal_nan=True)
        assert list(runs.finish()) == [healthy]
        assert runs.trainings[poisoned].state.step == 3


def test_a_failure_that_a_save_finds_leaves_the_others(tmp_path):
    """Ctrl-C right after a step that a GPU has not reported yet: the others have their checkpoints."""
    _, population = begin(tmp_path / "all")
    with population as runs:
        poisoned, healthy = runs.trainings

        def fail_and_stop():
            runs.trainings[poisoned]._steps._watch.note(1, torch.tensor(torch.nan), torch.tensor(0.0))
            signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            drive(runs, 1, fail_and_stop)
    assert list(runs.failures) == [poisoned]
    assert runs.trainings[poisoned].state.saved_step is None
    assert runs.trainings[healthy].state.saved_step == 1


@pytest.mark.parametrize("step", [1, 2, 5])
def test_resumed_is_uninterrupted(tmp_path, step):
    """A population that was stopped ends with the bits and the rows of one that was not, all its runs."""
    fpt.train_population(XOR, out=tmp_path / "calm", lr=RATES, dropout=0.1, **SETTINGS)
    stop(tmp_path / "stopped", step, dropout=0.1)
    found = fpt.train_population(XOR, out=tmp_path / "stopped", resume=True)
    for name in found:
        assert_same_bits(tensors(tmp_path / "stopped" / name), tensors(tmp_path / "calm" / name))
        assert rows(tmp_path / "stopped" / name) == rows(tmp_path / "calm" / name)


def test_runs_that_stand_at_different_steps_are_resumed(tmp_path):
    """After a crash between two checkpoints the one that is behind catches up first."""
    calm = fpt.train_population(XOR, out=tmp_path / "calm", lr=RATES, **SETTINGS)
    first, second = calm
    stop(tmp_path / "crashed", 2)
    shutil.copytree(tmp_path / "crashed" / first, tmp_path / "kept")
    stop(tmp_path / "crashed", 4)
    shutil.rmtree(tmp_path / "crashed" / first)
    shutil.move(tmp_path / "kept", tmp_path / "crashed" / first)
    fpt.train_population(XOR, out=tmp_path / "crashed", resume=True)
    for name in (first, second):
        assert_close(tensors(tmp_path / "crashed" / name), tensors(tmp_path / "calm" / name))
        assert [row["step"] for row in rows(tmp_path / "crashed" / name)] == [
            row["step"] for row in rows(tmp_path / "calm" / name)
        ]


def test_a_finished_run_is_not_trained_again(tmp_path):
    """Of a population that is over the records are read, and nothing is written."""
    found = fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*") if path.is_file()}
    assert fpt.train_population(XOR, out=tmp_path / "all", resume=True) == found
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_each_is_an_ordinary_run(tmp_path):
    """A run of a population is loaded, scored and banked like any other."""
    found = fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    name = next(iter(found))
    assert read_record(tmp_path / "all" / name) == found[name]
    assert fpt.evaluate(tmp_path / "all" / name, "validation").metrics["loss"] == pytest.approx(
        found[name].evaluations["validation"].metrics["loss"]
    )
    bank = fpt.load_many([tmp_path / "all" / each for each in found])
    sample = bank.arms[name].task.split("test")[0][0]
    assert len(bank.predict([(each, sample) for each in found])) == 2


@pytest.mark.parametrize("name", ["model.h.0.attn.c_attn.weight", "model.h.0.mlp.c_fc.bias"])
def test_one_unit_in_the_last_place_is_caught(tmp_path, name):
    """A frozen element of the shared body that moves stops them all, is named, and saves nothing."""
    _, population = begin(tmp_path / "all")
    with population as runs:
        tensor = runs.bank.arms["lr=0.001-seed=0"].model.backbone.get_parameter(name).data.view(-1)

        def tamper():
            tensor[0] = torch.nextafter(tensor[0], torch.tensor(torch.inf))

        with pytest.raises(fpt.FrozenError, match=f"frozen tensor backbone.{name} changed"):
            drive(runs, 3, tamper)
    saved = sorted(path.name for path in (tmp_path / "all").glob("*/checkpoints/*"))
    assert saved == ["step-000000002"] * 2


def test_a_body_that_computes_something_else_is_caught(tmp_path):
    """What no digest of tensors sees: another forward in the body that computes for all."""
    _, population = begin(tmp_path / "all")
    with population as runs:
        mlp = runs.bank.model.backbone.model.h[0].mlp
        with pytest.raises(fpt.FrozenError, match=r"model\.h\.0\.mlp"):
            drive(runs, 1, lambda: setattr(mlp, "forward", torch.zeros_like))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 0.2}, "dropout 0.1, and 0.2"),
        ({"fast": ("gelu",)}, "dropout's numbers the fast path's, and PyTorch's"),
        ({"compile": "on"}, "dropout's numbers the fast path's, and PyTorch's"),
    ],
)
def test_arms_that_would_drop_other_numbers_do_not_train_in_one_pass(changes, message):
    """One body draws for all of them; they answer together all the same, where nothing is dropped."""
    settings = {**BODY, "device": "cpu", "dropout": 0.1}
    bank = fpt.Bank({"one": fpt.build(XOR, **settings), "two": fpt.build(XOR, **{**settings, **changes})})
    with pytest.raises(fpt.ConfigurationError, match=f"one and two cannot share a pass: {message}"):
        Population(bank, {}, None)


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("bits/memory", {}, "task bits/xor, and bits/memory"),
        (XOR, {"options": {"length": 4}}, "options .*'length': 5, .*, and .*'length': 4, "),
        (XOR, {"train": "input,head,layer_norm"}, "policy fpt, and input,head,layer_norm"),
        (XOR, {"group_lr": {"head": 1e-2}}, r"groups with a rate of their own \[\], and \['head'\]"),
    ],
)
def test_arms_that_do_not_train_the_same_do_not_train_in_one_matrix(task, changes, message):
    """Its columns are the same parameters in every row; such arms answer together all the same."""
    settings = {**BODY, "device": "cpu"}
    bank = fpt.Bank({"one": fpt.build(XOR, **settings), "two": fpt.build(task, **settings, **changes)})
    with pytest.raises(fpt.ConfigurationError, match=f"one and two cannot share a pass: {message}"):
        Population(bank, {}, None)


def test_parts_of_the_fast_path_change_no_answer_of_a_bank():
    """The reason why they are no fact of the body: an arm without them answers as in a bank with them."""
    settings = {**BODY, "device": "cpu", "precision": "bf16"}
    arms = {name: fpt.build(XOR, fast=fast, **settings) for name, fast in (("all", FAST_PARTS), ("none", ()))}
    samples = [arms["all"].task.split("test")[index][0] for index in range(8)]
    batch = collate(arms["all"].task, tokenize(arms["all"].plugins, arms["all"].task, samples))
    with torch.no_grad():
        alone = arms["none"].model.eval() and arms["none"].outputs(batch)
        banked = fpt.Bank(arms).outputs({"none": batch})["none"]
    torch.testing.assert_close(banked, alone, rtol=0.02, atol=0.02)  # bf16 has eight bits
