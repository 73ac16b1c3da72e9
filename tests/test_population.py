"""Runs that train together: each is what it would have been alone, whatever its neighbors do."""

import json
import shutil
import signal

import pytest
import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins.configuration import FAST_PARTS
from fpt_plugins.data import collate, tokenize
from fpt_plugins.errors import CannotShare
from fpt_plugins.population import Population
from fpt_plugins.record import RunRecord, read_record
from fpt_plugins.storage import sealed, write_file
from fpt_plugins.sweep import Sweep, arms_of

BODY = {"backbone": "gpt2-mini", "init": "random", "init_seed": 0, "backbone_options": {"layers": 1}}
SETTINGS = {
    **BODY,
    "steps": 6,
    "batch_size": 4,
    "evaluate_every": 2,
    "precision": "fp32",
    "device": "cpu",
}
XOR, RATES = "bits/xor", (1e-3, 1e-2)


def tensors(path):
    """The trained tensors of a run, as they are on disk."""
    return safetensors.torch.load_file(path / "adapter" / "adapter.safetensors")


def rows(path):
    """The metrics of a run but for the seconds, which no two runs share."""
    found = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    flat = [{**row, **row.pop("drift", {})} for row in found]
    return [{key: value for key, value in row.items() if key not in {"seconds", "drift"}} for row in flat]


def assert_close(found, expected):
    """Equal to 1e-5, where an Adam step is 1e-3 to 1e-2: fp32 sums are ordered by the batch's shape."""
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5)


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def begin(path, rates=RATES, seeds=1, task=XOR, **changes):
    """The one population of a sweep, as a context manager, and the sweep."""
    settings = {**SETTINGS, **changes}
    sweep = Sweep.new(path, arms_of(task, rates, seeds, settings), settings)
    (names,) = sweep.groups()
    return sweep, sweep.population(names)


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
    with population as runs, pytest.raises(KeyboardInterrupt):
        poisoned, healthy = runs.trainings

        def fail_and_stop():
            runs.trainings[poisoned]._steps._failed = torch.tensor(True)
            signal.raise_signal(signal.SIGINT)

        drive(runs, 1, fail_and_stop)
    assert list(runs.failures) == [poisoned]
    assert runs.trainings[poisoned].state.saved_step is None
    assert runs.trainings[healthy].state.saved_step == 1


def drive(population, step, act):
    """Takes the steps of a population, and acts once, at the first run's training row of one step."""
    first = next(iter(population.trainings))
    for name, row in population.rows():
        if name == first and row["step"] == step and row["split"] == "train":
            act()


def stop(path, step, **changes):
    """Trains a sweep, new or begun, to a step, where Ctrl-C comes; the sweep."""
    settings = {**SETTINGS, **changes}
    arms = arms_of(XOR, RATES, 1, settings)
    sweep = Sweep.resumed(path, arms, settings) if path.exists() else Sweep.new(path, arms, settings)
    (names,) = sweep.groups()
    with sweep.population(names) as population, pytest.raises(KeyboardInterrupt):
        drive(population, step, lambda: signal.raise_signal(signal.SIGINT))


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


def test_random_bodies_train_apart_and_shared_ones_together(tiny_body):
    """Where the body follows the seed the rates of one seed are together; a pretrained body serves all."""
    settings = {key: value for key, value in SETTINGS.items() if key != "init_seed"}
    random = arms_of(XOR, RATES, 2, settings)
    groups = list(Sweep.new("nowhere", random, {}).groups())
    assert groups == [[f"lr={rate:g}-seed={seed}" for rate in RATES] for seed in (0, 1)]
    pretrained = arms_of(XOR, RATES, 2, tiny_body("gpt2"))
    assert list(Sweep.new("nowhere", pretrained, {}).groups()) == [list(pretrained)]
    fixed = arms_of(XOR, RATES, 2, SETTINGS)
    assert list(Sweep.new("nowhere", fixed, {}).groups()) == [list(fixed)]


def test_random_bodies_are_those_of_runs_alone(tmp_path):
    """A sweep over seeds of a random body trains each on the body that its seed draws."""
    settings = {key: value for key, value in SETTINGS.items() if key != "init_seed"}
    found = fpt.train_population(XOR, out=tmp_path / "all", lr=1e-3, seeds=2, **settings)
    assert len({record.source_digest for record in found.values()}) == 2
    alone = fpt.train(XOR, out=tmp_path / "one", seed=1, lr=1e-3, **settings)
    assert found["lr=0.001-seed=1"].source_digest == alone.source_digest
    assert_close(tensors(tmp_path / "all" / "lr=0.001-seed=1"), tensors(tmp_path / "one"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "full"}, "which has no row-wise form"),
        ({"train": "lora"}, "cannot share a body"),
        ({"train": "head,@2,fpt"}, "changes in stages cannot share a pass"),
        ({"align": "moments", "align_steps": 2}, "that are aligned first cannot share a pass"),
        ({"micro_batch_size": 2}, "that take a step in parts cannot share a pass"),
        ({"gradient_checkpointing": True}, "that compute blocks again cannot share a pass"),
        ({"group_lr": {"attention": 1.0}}, "--group-lr attention has no effect"),
        ({"seed": 3}, "one was given\n  say seeds="),
        ({"lr": (1e-3, 1e-3)}, "none may be missing or stand twice"),
        ({"lr": ()}, "none may be missing or stand twice"),
    ],
)
def test_what_cannot_train_together_is_refused_and_leaves_nothing(tmp_path, changes, message):
    """The reason is one line, and there is no folder."""
    with pytest.raises(fpt.ConfigurationError, match=message):
        fpt.train_population(XOR, out=tmp_path / "all", **{"lr": RATES, **SETTINGS, **changes})
    assert not (tmp_path / "all").exists()


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


def test_a_sweep_is_continued_as_it_was_begun(tmp_path):
    """Other settings, other runs and another folder are refused; no folder is taken twice."""
    fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    with pytest.raises(fpt.FptError, match="is there already"):
        fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    with pytest.raises(fpt.ConfigurationError, match="was begun with steps 6, not 7"):
        fpt.train_population(XOR, out=tmp_path / "all", resume=True, steps=7)
    with pytest.raises(fpt.ConfigurationError, match=r"has the runs lr=0\.001-seed=0, lr=0\.01-seed=0, not"):
        fpt.train_population(XOR, out=tmp_path / "all", resume=True, lr=(1e-3, 5e-3))
    with pytest.raises(fpt.FptError, match="no sweep to resume"):
        fpt.train_population(XOR, out=tmp_path / "none", resume=True)


def test_an_older_sweep_that_cannot_share_is_refused(tmp_path):
    """A sweep begun by a version that took steps in parts is refused when it is resumed, as a new one is."""
    arms = {"seed=0": fpt.Configuration.of(XOR, micro_batch_size=2, **SETTINGS)}
    write_file(tmp_path / "sweep.json", sealed({"arms": {name: arm.to_json() for name, arm in arms.items()}}))
    with pytest.raises(CannotShare, match="--micro-batch-size: runs that take a step in parts"):
        Sweep.resumed(tmp_path, arms, {})


def test_the_command_trains_them_and_marks_the_best(tmp_path, capsys):
    """Several rates or seeds make a folder of runs and a table of all; --resume shows it again."""
    from fpt_plugins.cli import launch

    words = ["--backbone", "gpt2-mini", "--backbone-option", "layers=1", "--init-seed", "0"]
    words += ["--steps", "4", "--batch-size", "4", "--evaluate-every", "2", "--precision", "fp32"]
    out = str(tmp_path / "all")
    assert launch("train", XOR, *words, "--lr", "1e-3,1e30", "--seeds", "2", "--out", out) == 0
    shown = capsys.readouterr().err
    assert "4 runs together, 4 steps of 4 each" in shown
    records = {
        path.parent.name: read_record(path.parent) for path in (tmp_path / "all").glob("*/record.json")
    }
    scores = {name: each.evaluations["validation"].metrics for name, each in records.items()}
    best = max(scores, key=lambda name: (scores[name]["accuracy"], -scores[name]["loss"]))
    (marked,) = [line for line in shown.splitlines() if line.startswith(f"│ {best} ")]
    assert marked.split("│")[-2].strip() == "best"
    assert shown.count("failed at step") == 2
    assert launch("train", XOR, *words, "--lr", "1e-3,1e-2") != 0
    assert "add --out FOLDER" in capsys.readouterr().err
    assert launch("train", XOR, *words, "--lr", "1e-3,x", "--out", out) != 0
    assert "--lr 1e-3,x" in capsys.readouterr().err
