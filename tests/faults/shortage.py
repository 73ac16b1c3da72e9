"""Out of memory: the step is done again in smaller parts, and is that step in smaller parts, bit for bit."""

from __future__ import annotations

import itertools
import math
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import fpt_plugins as fpt
from fpt_plugins.model import FrozenPretrainedTransformer
from fpt_plugins.record import RunRecord
from fpt_plugins.training_loop import Training
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.tiny_runs import MODALITIES, adapter_bytes, begun_training, rows

RUN = {"steps": 9, "evaluate_every": 3, "batch_size": 8, "micro_batch_size": None, "dropout": 0.1}
REAL = FrozenPretrainedTransformer.forward


def _on_a_gpu() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total ...")


def _on_a_cpu() -> Exception:
    """The allocator's own: more than there is of virtual memory."""
    try:
        torch.empty(2**60)
    except RuntimeError as error:
        return error
    raise AssertionError("a machine of an exabyte")


def _of_numpy() -> Exception:
    return MemoryError("Unable to allocate 8.00 EiB for an array")


ERRORS = (_on_a_gpu, _on_a_cpu, _of_numpy)


class Shortage:
    """The model's forward pass on a machine that has memory for so many samples at a time.

    Args:
        room: For how many.
        error: What more than that raise.
        spared: Passes before memory is short: in the middle of a step, some parts have then gone back.
        training: Whether it is short while training, or while evaluating.
    """

    def __init__(
        self, room: int, error: Callable[[], Exception], *, spared: int = 0, training: bool = True
    ) -> None:
        self._room, self._error, self._training = room, error, training
        self._passes, self._spared = itertools.count(), spared

    def __call__(self, model: Any, tokens: torch.Tensor, *others: Any) -> torch.Tensor:
        """The real outputs, or the error."""
        short = model.training is self._training and next(self._passes) >= self._spared
        if short and len(tokens) > self._room:
            REAL(model, tokens, *others).sum().backward() if model.training else None  # half done already
            raise self._error()
        return REAL(model, tokens, *others)


def _patched(shortage: Shortage) -> Any:
    """The class's method, whose first argument is the model."""

    def forward(model: Any, *arguments: Any) -> torch.Tensor:
        return shortage(model, *arguments)

    return mock.patch.object(FrozenPretrainedTransformer, "forward", forward)


def _ended(training: Training, steps: int = 10**9) -> RunRecord | None:
    """Runs it, to its end or to Ctrl-C in a step."""
    try:
        for row in training.rows():
            if row["step"] == steps and row["split"] == "train":
                signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return None
    return training.finish()


def halve(times: int, folder: Path) -> Outcome:
    """From some step on there is room for less; beside a run that takes that step in such parts by choice."""
    return Outcome.of(_halved(folder / str(number), number) for number in range(times))


def _halved(folder: Path, number: int) -> Seen:
    task = list(MODALITIES)[number % len(MODALITIES)]
    draw = random.Random(number)  # rooms, errors, steps and sizes vary independently of one another
    room, error = draw.choice((1, 2, 4)), draw.choice(ERRORS)
    step, begun_with = draw.randint(1, 8), draw.choice((8, 4))
    room = min(room, begun_with // 2)
    parts = 8 // begun_with
    spared = (step - 1) * parts + (parts > 1)  # in the middle of accumulation where there is one
    settings = {**RUN, "micro_batch_size": begun_with if parts > 1 else None}
    short = begun_training(task, folder / "short", **settings)
    with _patched(Shortage(room, error, spared=spared)):
        _ended(short, steps=step + 1)
    record = fpt.train(task, out=folder / "short", resume=True, data=folder / "data")
    chosen = begun_training(task, folder / "chosen", **settings)
    _choose(chosen, step, room)
    broken = _unlike(folder, record, {str(step): room})
    what = f"{task}, room for {room} of {begun_with} from step {step} on, {error.__name__}"
    return Seen("bitwise the step in smaller parts, kept, recorded", f"{what}: {broken}" if broken else "")


def _choose(training: Training, step: int, room: int) -> None:
    """A run that nobody disturbs, and that goes over to smaller parts at a step of its own accord."""
    real = training._pass

    def smaller(batch: Any, size: int) -> Any:
        return real(batch, room if training.state.step + 1 >= step else size)

    training._pass = smaller  # type: ignore[method-assign]
    _ended(training)


def _unlike(folder: Path, record: RunRecord, sizes: dict[str, int]) -> str:
    """What is not as it should be after a shortage; empty where nothing is."""
    told = [row for row in rows(folder / "short") if row["split"] == "memory"]
    plain = [row for row in rows(folder / "short") if row["split"] != "memory"]
    wrong = {
        "another adapter": adapter_bytes(folder / "short") != adapter_bytes(folder / "chosen"),
        "other metrics": plain != rows(folder / "chosen"),
        f"the record says {record.micro_batch_sizes}": record.micro_batch_sizes != sizes,
        f"the metrics say {told}": {str(row["step"]): row["micro_batch_size"] for row in told} != sizes,
    }
    return "; ".join(what for what, is_so in wrong.items() if is_so)


def use_up(times: int, folder: Path) -> Outcome:
    """There is room for not even one sample, from the fifth step on."""
    return Outcome.of(_used_up(folder / str(number), number) for number in range(times))


def _used_up(folder: Path, number: int) -> Seen:
    size = (2, 8, 200)[number % 3]
    out = folder / "run"
    training = begun_training("bits/xor", out, **{**RUN, "batch_size": size, "dropout": 0.0})
    try:
        with _patched(Shortage(0, ERRORS[number % len(ERRORS)], spared=4)):
            _ended(training)
    except fpt.OutOfMemory as error:
        tried = {2: "2, then 1", 8: "8, then 4, then 2, then 1", 200: "200, then 100, then 50, then 25"}[size]
        named = all(word in error.message for word in ("at step 5", "checkpoint of step 3", tried))
        record = fpt.train("bits/xor", out=out, resume=True, data=folder / "data")
        good = named and record.steps == RUN["steps"] and error.exit_code == 8
        return Seen("an error with what was tried; resumed", "" if good else f"{size}: {error}")
    return Seen("went on", f"batches of {size}: no error")


def shrink_looks(times: int, folder: Path) -> Outcome:
    """While validation data are scored there is room for few: beside a run with room for all."""
    _ended(begun_training("listops/lra", folder / "calm", **RUN))
    return Outcome.of(_shrunk(folder, number) for number in range(times))


def _shrunk(folder: Path, number: int) -> Seen:
    """Stopped in the middle and resumed, too: the ladder of sizes is gone down once."""
    room, error = (1, 3, 8)[number % 3], ERRORS[number // 3 % len(ERRORS)]
    name = f"short-{number}"
    with _patched(Shortage(room, error, training=False)):
        _ended(begun_training("listops/lra", folder / name, **RUN), steps=4)
        record = fpt.train("listops/lra", out=folder / name, resume=True, data=folder / "data")
    size = {1: 1, 3: 2, 8: 8}[room]
    told = [row["scored_at_a_time"] for row in rows(folder / name) if row["split"] == "memory"]
    found, whole = (_looks(folder / each) for each in (name, "calm"))
    same = [key for key in whole if abs(found.get(key, math.inf) - whole[key]) <= 1e-6]
    kept = told == [size] and record.evaluations["validation"].at_a_time == size
    good = kept and len(same) == len(whole)
    return Seen(
        "the same scores, recorded", "" if good else f"room for {room}, {error.__name__}: {told}, {found}"
    )


def _looks(run: Path) -> dict[tuple[int, str], float]:
    """Every score of every look at validation data."""
    looks = [row for row in rows(run) if row["split"] == "validation"]
    return {(row["step"], key): row[key] for row in looks for key in ("loss", "accuracy")}


ATTACKS = (
    Attack(
        name="memory-short",
        promise="Out of memory halves the micro-batch; the step is bitwise that step in smaller parts.",
        how="CUDA's, the CPU allocator's, NumPy's error in the middle of any step; then a resumption",
        few=2,
        many=48,
        run=halve,
    ),
    Attack(
        name="memory-used-up",
        promise="Where not even that fits, an error says what was tried, and the last checkpoint is there.",
        how="Room for no sample from the fifth step on, with batches of 2, 8 and 200",
        few=2,
        many=12,
        run=use_up,
    ),
    Attack(
        name="memory-short-in-evaluation",
        promise="Out of memory while scoring halves what is scored at a time; the scores stay (1e-6).",
        how="Room for 1, 3 or 8 samples at every look at validation data; then a resumption",
        few=3,
        many=12,
        run=shrink_looks,
    ),
)
