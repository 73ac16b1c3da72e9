"""One seed gives one result, whatever the process that runs it looks like."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import attrs

from tests.conftest import FakeDistributions
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.tiny_runs import MODALITIES, differences, settings, trained

SETTINGS = {"steps": 12, "evaluate_every": 6}

PROGRAM = """
import json, sys
import fpt_plugins as fpt
given = json.loads(sys.argv[1])
fpt.train(given.pop("task"), **given)
"""

WRAPPER = """
import random
import numpy, torch
from fpt_plugins import hookimpl
torch.rand(3), numpy.random.rand(3), random.random()


@hookimpl
def fpt_tasks():
    return []


@hookimpl(wrapper=True)
def fpt_tokenize(task, samples):
    raise AssertionError("merely installed, and asked")
    yield
"""
"""A plugin that draws from every generator when it is imported, and would spoil what it wraps."""


@attrs.frozen
class Place:
    """What is different where a run is repeated.

    Args:
        workers: Processes that prepare batches.
        hash_seed: ``PYTHONHASHSEED``.
        elsewhere: Whether it runs in another folder.
        others: Whether other plugins are installed.
    """

    workers: int
    hash_seed: str
    elsewhere: bool
    others: bool


def _places(times: int) -> list[Place]:
    """All of it at once first, then each alone, then any mixture."""
    draw = random.Random(0)
    first = [
        Place(2, "1", elsewhere=True, others=True),
        Place(3, "0", elsewhere=False, others=False),
        Place(0, "2", elsewhere=False, others=False),
        Place(0, "0", elsewhere=True, others=False),
        Place(0, "0", elsewhere=False, others=True),
    ]

    def mixture() -> Place:
        hash_seed = str(draw.randrange(2**32))
        return Place(draw.randrange(4), hash_seed, elsewhere=draw.random() < 0.5, others=draw.random() < 0.5)

    return [first[number] if number < len(first) else mixture() for number in range(times)]


def repeat(times: int, folder: Path) -> Outcome:
    """A run in a process of its own, beside the same one here."""
    installed = folder / "installed"
    installed.mkdir()
    FakeDistributions(installed).add("fpt-spoiler", WRAPPER, plugin="aspoiler")
    FakeDistributions(installed).add("fpt-stranger", plugin="zstranger")
    return Outcome.of(_repeated(place, folder, number) for number, place in enumerate(_places(times)))


def _repeated(place: Place, folder: Path, number: int) -> Seen:
    task = list(MODALITIES)[number % len(MODALITIES)]
    calm, out = folder / task.replace("/", "-"), folder / str(number)
    if not calm.exists():
        trained(task, calm, **SETTINGS)
    said = _run(task, out, place, folder)
    broken = said or differences(out, calm)
    return Seen("the same bits", f"{task}, {place}: {broken}" if broken else "")


def _run(task: str, out: Path, place: Place, folder: Path) -> str:
    """What the process says on its way down; empty where it does not go down."""
    given = {**settings(task, folder / "data", **SETTINGS), "workers": place.workers}
    words = json.dumps({"task": task, "out": str(out), **given, "data": str(given["data"])})
    path = [*sys.path, *([str(folder / "installed")] if place.others else [])]
    environment = {**os.environ, "PYTHONHASHSEED": place.hash_seed, "PYTHONPATH": os.pathsep.join(path)}
    where = folder / "installed" if place.elsewhere else Path.cwd()
    command = [sys.executable, "-c", PROGRAM, words]
    done = subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True, check=False)
    return done.stderr[-500:] if done.returncode else ""


ATTACKS = (
    Attack(
        name="runs-repeated",
        promise="One seed gives the same bits on one machine, however it is run.",
        how="0 to 3 workers, other hash seeds, another folder, other plugins installed that would spoil it",
        few=1,
        many=24,
        run=repeat,
    ),
)
