"""Cells that raise, hang, are killed, run out of memory or overflow, and a study that goes on."""

from pathlib import Path

import pytest

from fpt_plugins import ConfigurationError
from fpt_plugins.study.local_workers import LocalWorkers
from fpt_plugins.study.session import Means

POISON = """
import os, signal, time
from typing import Literal
import attrs, numpy as np
from fpt_plugins import Classes, Last, Recipe, Sequences, Task, Vectors, accuracy, hookimpl

@attrs.frozen(kw_only=True)
class Poison(Task):
    name = "poison/task"
    summary = "a task that does what it should not"
    recipe = Recipe(steps=3, batch_size=4, lr=1e-3, evaluate_every=1)
    sequence = Vectors(width=64, max_length=2)
    readout = Last()
    target = Classes(("a", "b"))
    metrics = (accuracy,)
    does: Literal["well", "raise", "hang", "die", "exhaust", "overflow"] = attrs.field(default="well")

    def split(self, name):
        if self.does == "raise":
            raise RuntimeError("the file burns")
        if self.does == "hang":
            time.sleep(600)
        if self.does == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does == "exhaust":
            np.ones(2**59)
        scale = 3e38 if self.does == "overflow" else 1.0
        return [(np.full((2, 64), scale * (-1) ** i, np.float32), i % 2) for i in range(8)]

    def floors(self, split): return ()
    def parse(self, value): return value
    def read(self, path): return iter(())

@hookimpl
def fpt_tasks():
    return [Poison]

@hookimpl
def fpt_tokenize(task, samples):
    return Sequences.of(samples)
"""


@pytest.fixture
def poison(small_study, distributions):
    """A function that gives a study whose arms are ways in which a cell can fail, or does not."""
    distributions.add("fpt-poison", POISON, plugin="poison")

    def make(kinds, seconds):
        return small_study(
            seeds=[0],
            axes={},
            tasks={"poison/task": {}},
            settings={
                "backbone": "none",
                "backbone_options": {"width": 8},
                "device": "cpu",
                "precision": "fp32",
            },
            arms={kind: {"options": {"does": kind}} for kind in kinds},
            sweep={"rates": [1e-3]},
            stopping={"attempts": 1, "cell-seconds": seconds},
        )

    return make


def test_poison_cells_are_marked_and_the_others_done(poison, run_small):
    """Each is marked with what happened; the study outlives all, the healthy arm is done."""
    kinds = ("raise", "die", "exhaust", "overflow", "well")
    results = run_small(poison(kinds, 600), LocalWorkers(600))
    cells = {cell.arm: cell for cell in results.cells if cell.role == "sweep"}
    assert cells["well"].status == "done"
    assert results.select("poison/task", "well", "final")[0].test
    reasons = {
        "raise": "RuntimeError: the file burns",
        "die": "SIGKILL",
        "exhaust": "Unable to allocate 4.00 EiB",
        "overflow": "NonFiniteError",
    }
    for arm, words in reasons.items():
        assert words in cells[arm].reason
        assert (cells[arm].status, cells[arm].attempts) == ("failed", 1)
        assert results.select("poison/task", arm, "final")[0].status == "missing"
    log = results.folder / "logs" / f"{cells['raise'].identity}.txt"
    assert "Traceback" in log.read_text()


def test_a_cell_that_hangs_is_ended(poison, run_small):
    """After its time, with what it began; the study ends."""
    results = run_small(poison(["hang"], 1), LocalWorkers(1))
    (cell,) = results.select("poison/task", "hang", "sweep")
    assert (cell.status, cell.reason, cell.attempts) == ("failed", "not over after 1 seconds", 1)


def test_a_stopped_study_is_continued_as_it_was():
    """The command has the flags that were given, and none that were not."""
    folder = Path("studies/xor")
    assert Means().command(folder) == "fpt study run studies/xor"
    asked = Means(bank=True, threads=7, data=Path("my data"), engine="ray", workers=3)
    flags = "--bank --engine ray --threads 7 --data 'my data' --workers 3"
    assert asked.command(folder) == f"fpt study run studies/xor {flags}"


def test_a_session_without_workers_is_refused():
    """No worker and no thread are refused with what to give."""
    for wrong in ({"workers": 0}, {"threads": 0}):
        with pytest.raises(ConfigurationError, match="a session takes at least one of each"):
            Means(**wrong)
