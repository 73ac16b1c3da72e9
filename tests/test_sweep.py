"""Which runs a sweep has, which of them train together, and where it is kept and continued."""

import shutil
from unittest import mock

import pytest

import fpt_plugins as fpt
from fpt_plugins.cli import launch
from fpt_plugins.errors import CannotShare
from fpt_plugins.population import Population
from fpt_plugins.record import read_record
from fpt_plugins.storage import sealed, write_file
from fpt_plugins.sweep import Sweep, arms_of
from tests.xor_sweeps import RATES, SETTINGS, XOR, assert_close, begin, stop, tensors


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


def test_a_sweep_is_continued_as_it_was_begun(tmp_path):
    """Other settings, other runs and another folder are refused; no folder is taken twice."""
    fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    with pytest.raises(fpt.FptError, match="is there already"):
        fpt.train_population(XOR, out=tmp_path / "all", lr=RATES, **SETTINGS)
    with pytest.raises(fpt.ConfigurationError, match="was begun with steps 6, not 7"):
        fpt.train_population(XOR, out=tmp_path / "all", resume=True, steps=7)
    with pytest.raises(fpt.ConfigurationError, match=r"has the runs lr=0\.001-seed=0, lr=0\.01-seed=0, not"):
        fpt.train_population(XOR, out=tmp_path / "all", resume=True, lr=(1e-3, 5e-3))
    for other in ({"lr": 5e-3}, {"seeds": [3]}, {"lr": 1e-3, "seeds": [3]}):
        with pytest.raises(fpt.ConfigurationError, match="resume it with its own rates and seeds"):
            fpt.train_population(XOR, out=tmp_path / "all", resume=True, **other)
    assert len(fpt.train_population(XOR, out=tmp_path / "all", resume=True, lr=1e-3)) == 2
    with pytest.raises(fpt.FptError, match="no sweep to resume"):
        fpt.train_population(XOR, out=tmp_path / "none", resume=True)


def test_where_a_sweep_computes_may_be_given_anew(tmp_path):
    """Runs that have begun and runs that have not find data, device and workers where they are said to be."""
    stop(tmp_path / "all", 2)
    shutil.rmtree(tmp_path / "all" / "lr=0.01-seed=0")
    anew = {"data": tmp_path / "data", "workers": 1}
    resumed = Sweep.resumed(tmp_path / "all", arms_of(XOR, None, 1, anew), anew)
    for sweep in (resumed, Sweep(resumed.path, resumed.arms, {})):  # the second as a study's bank has it
        with sweep.population(sweep.arms) as population:
            found = [(each.settings.data, each.settings.workers) for each in population.trainings.values()]
        assert found == [(tmp_path / "data", 1)] * 2


def test_a_stopped_sweep_says_how_it_is_continued(tmp_path, capsys, monkeypatch):
    """The command that Ctrl-C prints finds the data where this one did, whatever the folder is called."""
    monkeypatch.setattr(Population, "rows", mock.Mock(side_effect=KeyboardInterrupt))
    words = [f"--{name}={SETTINGS[name]}" for name in ("backbone", "init", "device")]
    place, data = tmp_path / "all of them", tmp_path / "data"
    assert (
        launch("train", XOR, *words, "--seeds", "2", "--init-seed=0", f"--out={place}", f"--data={data}")
        == 130
    )
    shown = "".join(capsys.readouterr().err.split())
    assert f"fpt train {XOR} --resume --out '{place}' --data {data}".replace(" ", "") in shown


def test_two_sweeps_never_share_a_folder(tmp_path):
    """Of two that found no folder the second to begin is refused, and what the first wrote stays."""
    _, first = begin(tmp_path / "all")
    _, second = begin(tmp_path / "all", rates=(3e-3, 3e-2))
    with first:
        written = (tmp_path / "all" / "sweep.json").read_bytes()
        with pytest.raises(fpt.FptError, match="another process has begun a sweep in"), second:
            pass
    assert (tmp_path / "all" / "sweep.json").read_bytes() == written
    assert not list((tmp_path / "all").glob("lr=0.03*"))


def test_rates_and_seeds_may_be_words():
    """``--set lr=1e-3 --set seed=2`` gives words, which are read and name the runs as numbers do."""
    assert arms_of(XOR, "1e-3", ["2"], {}) == arms_of(XOR, 1e-3, [2], {})


def test_an_older_sweep_that_cannot_share_is_refused(tmp_path):
    """A sweep begun by a version that took steps in parts is refused when it is resumed, as a new one is."""
    arms = {"seed=0": fpt.Configuration.of(XOR, micro_batch_size=2, **SETTINGS)}
    write_file(tmp_path / "sweep.json", sealed({"arms": {name: arm.to_json() for name, arm in arms.items()}}))
    with pytest.raises(CannotShare, match="--micro-batch-size: runs that take a step in parts"):
        Sweep.resumed(tmp_path, arms, {})


def test_the_command_trains_them_and_marks_the_best(tmp_path, capsys):
    """Several rates or seeds make a folder of runs and a table of all; --resume shows it again."""
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
    assert launch("train", XOR, "--resume", "--out", out) == 0
    assert marked in capsys.readouterr().err
    assert launch("train", XOR, *words, "--lr", "1e-3,1e-2") != 0
    assert "add --out FOLDER" in capsys.readouterr().err
    assert launch("train", XOR, *words, "--lr", "1e-3,x", "--out", out) != 0
    assert "--lr 1e-3,x" in capsys.readouterr().err
