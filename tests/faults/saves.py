"""Saves: whole or not at all, whatever ends them."""

from __future__ import annotations

import errno
import io
import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins.adapter_files import adapter_files, read_description, read_weights
from fpt_plugins.arm import Arm
from fpt_plugins.checkpoint import Checkpoint, newest_checkpoint, restore, save_checkpoint
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.run_folder import writing
from fpt_plugins.storage import write_folder
from fpt_plugins.trained_tensors import trained_tensors
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.children import begun
from tests.faults.tiny_runs import BODY

LONGEST = 0.08
"""Seconds until a kill: a save takes some hundredths."""

ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT)


class Saver:
    """An arm whose every tensor is the number of the step, so that a mixture of two saves would show."""

    def __init__(self) -> None:
        self.arm: Arm = fpt.build("bits/xor", **BODY)
        self.optimizer = make_optimizer(self.arm)

    def save(self, folder: Path, step: int) -> None:
        """The checkpoint of a step."""
        with torch.no_grad():
            for parameter in self._parameters():
                parameter.fill_(step)
                full = torch.full_like(parameter, step)
                state = {"step": torch.tensor(float(step)), "exp_avg": full, "exp_avg_sq": full.clone()}
                self.optimizer.state[parameter] = state
        best = trained_tensors(self.arm)
        state = Checkpoint(step=step, best_step=step, best_tensors=best, clipped=step)
        save_checkpoint(folder, self.arm, self.optimizer, state)

    def step(self, folder: Path) -> int:
        """The step of the newest checkpoint, of which every part must be; 0 where there is none."""
        path = newest_checkpoint(folder)
        if path is None:
            return 0
        found = restore(self.arm, self.optimizer, path)
        tensors = [*self._parameters(), *found.best_tensors.values()]
        tensors += [
            each for parameter in self._parameters() for each in self.optimizer.state[parameter].values()
        ]
        assert all(bool((tensor == found.step).all()) for tensor in tensors), f"{path} is a mixture"
        assert found.clipped == found.best_step == found.step
        return found.step

    def write_adapter(self, folder: Path, number: int) -> None:
        """An adapter whose tensors are all ``number``."""
        tensors = {name: torch.full_like(each, number) for name, each in trained_tensors(self.arm).items()}
        write_folder(folder / f"adapter-{number:09d}", adapter_files(self.arm, tensors, number))

    def _parameters(self) -> list[torch.nn.Parameter]:
        return [self.arm.model.get_parameter(name) for name in self.arm.partition.trained_names]


MOST_BYTES = 1 << 24
"""Of the weights of an adapter that is written here: kilobytes."""


def adapter_number(folder: Path) -> int:
    """The number of an adapter, which every tensor of it must be."""
    description = read_description(folder)
    tensors = safetensors.torch.load(read_weights(folder, description, MOST_BYTES))
    assert all(bool((each == description["step"]).all()) for each in tensors.values()), (
        f"{folder} is a mixture"
    )
    return int(description["step"])


def save_on(folder: Path, say: Callable[[int], None]) -> None:
    """Saves checkpoints without end, each announced once it is saved."""
    saver = Saver()
    for step in itertools.count(saver.step(folder) + 1):
        saver.save(folder, step)
        say(step)


def write_on(folder: Path, say: Callable[[int], None]) -> None:
    """Writes adapters without end, each announced once it is written."""
    saver, first = Saver(), len(list(folder.glob("adapter-*"))) + 1
    for number in itertools.count(first):
        saver.write_adapter(folder, number)
        say(number)


def _announced(act: Callable[..., None], folder: Path, draw: random.Random) -> int:
    """The last number that a child announced before it was killed at a moment drawn at random."""
    with begun(act, folder) as child:
        last = child.next()
        time.sleep(draw.uniform(0, LONGEST))
        child.kill()
        return int([last, *child.rest()][-1])


def kill_saves(times: int, folder: Path) -> Outcome:
    """One run's folder, in which process after process saves on and is killed."""
    saver, draw = Saver(), random.Random(0)

    def attempts() -> Iterator[Seen]:
        for number in range(times):
            announced = _announced(save_on, folder, draw)
            swept = list((folder / "checkpoints").glob(".writing-*"))
            found = saver.step(folder)  # as the next start does: sweeps first
            kept = found in (announced, announced + 1)
            clean = not list((folder / "checkpoints").glob(".writing-*"))
            broken = "" if kept and clean else f"kill {number}: {announced} was announced, {found} is there"
            yield Seen("the last one loads, half a one was swept" if swept else "the last one loads", broken)

    return Outcome.of(attempts())


def kill_adapters(times: int, folder: Path) -> Outcome:
    """Every adapter that has its name is whole, and every one that was announced is there."""
    draw = random.Random(1)

    def attempts() -> Iterator[Seen]:
        for number in range(times):
            announced = _announced(write_on, folder, draw)
            found = [adapter_number(path) for path in sorted(folder.glob("adapter-*"))]
            whole = found == list(range(1, len(found) + 1)) and len(found) in (announced, announced + 1)
            yield Seen(
                "all load", "" if whole else f"kill {number}: announced {announced}, found {found[-3:]}"
            )

    return Outcome.of(attempts())


@contextmanager
def failing(operation: int, code: int) -> Iterator[list[str]]:
    """Inside, the file system refuses from its so-manieth operation on; yields the operations that came."""
    came: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            came.append(name)
            if len(came) > operation:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **named)

        return call

    with ExitStack() as stack:
        for owner, name in [(os, "mkdir"), (os, "rename"), (os, "replace"), (os, "fsync"), (io, "open")]:
            stack.enter_context(mock.patch.object(owner, name, counted(name, getattr(owner, name))))
        yield came


def fill_disk(times: int, folder: Path) -> Outcome:
    """The save after a good one fails at its first operation, at its second, and so on."""
    saver, seen = Saver(), []
    for number in range(times):
        place = folder / str(number)
        saver.save(place, 1)
        with failing(10**9, 0) as came:
            saver.save(place, 2)
        operation, code = number % len(came), ERRORS[number % len(ERRORS)]
        seen.append(_refused(saver, place, operation, code))
    return Outcome.of(seen)


def _refused(saver: Saver, place: Path, operation: int, code: int) -> Seen:
    """A third save that fails: the second one, or all of the third, is there, and nothing says success."""
    what = f"{errno.errorcode[code]} at operation {operation}"
    try:
        with failing(operation, code), writing("the checkpoint", "make room"):
            saver.save(place, 3)
    except fpt.FptError as error:
        said = os.strerror(code) in error.message
        found = saver.step(place)
        left = list((place / "checkpoints").glob(".writing-*"))
        good = said and found in (2, 3) and not left
        return Seen(
            "an error; the previous one loads" if found == 2 else "an error; the new one is whole and loads",
            "" if good else f"{what}: {error.message}, step {found}, {left}",
        )
    return Seen("no error", f"{what}: a save that failed said nothing")


SAVED = "A checkpoint appears whole or not at all, and the one before it stays until then."
ATTACKS = (
    Attack(
        name="saves-killed",
        promise=SAVED,
        how="SIGKILL at a random moment of saving; each tensor of a checkpoint is its step's number",
        few=4,
        many=200,
        run=kill_saves,
    ),
    Attack(
        name="adapters-killed",
        promise="An adapter that is there is whole.",
        how="SIGKILL at a random moment to a process that writes adapters",
        few=2,
        many=100,
        run=kill_adapters,
    ),
    Attack(
        name="disk-full",
        promise=SAVED,
        how="Disk full, read-only, over quota, I/O error: from each operation of a save on, in turn",
        few=12,
        many=200,
        run=fill_disk,
    ),
)
