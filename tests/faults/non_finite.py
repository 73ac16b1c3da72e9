"""Numbers that are none: a step on them is not taken, and data with them do not come in."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import fpt_plugins as fpt
from fpt_plugins.data import read_split
from fpt_plugins.model import FrozenPretrainedTransformer
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.tiny_runs import BODY, adapter_bytes, begun_training, trained

REAL = FrozenPretrainedTransformer.forward
NUMBERS = (math.nan, math.inf, -math.inf)
SETTINGS = {"steps": 9, "evaluate_every": 3}
LARGE = 1e30
"""A factor whose square is no longer a number of fp32: the loss is one, its gradient is not."""


class _Overflow(torch.autograd.Function):
    """Passes its inputs on, and back what is not finite."""

    @staticmethod
    def forward(ctx: Any, outputs: torch.Tensor) -> torch.Tensor:
        return outputs.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * LARGE * LARGE


def poison_steps(times: int, folder: Path) -> Outcome:
    """The outputs of a step, or their gradient alone, are not finite."""
    calm = folder / "calm"
    trained("bits/xor", calm, **SETTINGS)
    return Outcome.of(_poisoned(folder / str(number), calm, number) for number in range(times))


def _poisoned(out: Path, calm: Path, number: int) -> Seen:
    step, gradient = 1 + number % 9, number % 2 == 1
    value = NUMBERS[number % len(NUMBERS)]
    training = begun_training("bits/xor", out, **SETTINGS)
    taken: list[torch.Tensor] = []

    def forward(model: Any, *arguments: Any) -> torch.Tensor:
        outputs = REAL(model, *arguments)
        if not model.training or training.state.step + 1 != step:
            return outputs
        taken[:] = [parameter.detach().clone() for parameter in model.parameters()]
        return _Overflow.apply(outputs) if gradient else outputs * value

    what = f"step {step}, {'gradient' if gradient else value}"
    try:
        with mock.patch.object(FrozenPretrainedTransformer, "forward", forward):
            for _ in training.rows():
                pass
    except fpt.NonFiniteError as error:
        still = all(torch.equal(a, b) for a, b in zip(taken, training.arm.model.parameters(), strict=True))
        saved = (step - 1) // 3 * 3
        kept = f"the checkpoint of step {saved}" if saved else "there is no checkpoint yet"
        named = f"at step {step} " in error.message and kept in error.message and error.exit_code == 7
        training.close()
        fpt.train("bits/xor", out=out, resume=True)
        whole = adapter_bytes(out) == adapter_bytes(calm)
        return Seen(
            "stopped before the step; resumed", "" if still and named and whole else f"{what}: {error}"
        )
    return Seen("went on", f"{what}: no error")


class _Spoiled(torch.utils.data.Dataset[Any]):
    """A split in which one number of one sample, or of its target, is not finite."""

    def __init__(self, real: Any, index: int, value: float, *, target: bool) -> None:
        self._real, self._index, self._value, self._target = real, index, value, target

    def __len__(self) -> int:
        return len(self._real)

    def __getitem__(self, index: int) -> Any:
        sample, target = self._real[index]
        if index != self._index:
            return sample, target
        if self._target:
            return sample, self._spoiled(target)
        return self._spoiled(sample), target

    def _spoiled(self, value: Any) -> Any:
        array = np.array(value, dtype=np.float32)
        array.flat[array.size // 2] = self._value
        return array


def poison_data(times: int, folder: Path) -> Outcome:
    """A training split, a sample to be answered, a JSON line."""
    small = {"context": 24, "horizon": 6, "patch": 8, "stride": 4}
    arm = fpt.build("timeseries/forecast", options=small, **BODY)
    return Outcome.of(attempt for _, attempt in zip(range(times), _attempts(arm), strict=False))


def _attempts(arm: fpt.Arm) -> Iterator[Seen]:
    real = arm.task.split("train")
    sample = np.array(real[0][0], dtype=np.float32)
    number = 0
    while True:
        value, index, number = NUMBERS[number % 3], number * 7 % len(real), number + 1
        spoiled = _Spoiled(real, index, value, target=number % 2 == 0)
        with mock.patch.object(type(arm.task), "split", lambda *_, spoiled=spoiled: spoiled):
            yield _refused(lambda: read_split(arm.plugins, arm.task, "train", 0), f"sample {index}", value)
        broken = sample.copy()
        broken.flat[index % broken.size] = value
        yield _refused(functools.partial(arm.predict, [sample, broken]), "sample 1", value)


def _refused(act: Any, where: str, value: float) -> Seen:
    try:
        act()
    except fpt.InputError as error:
        named = where in str(error) or "not finite" in str(
            error
        )  # a plugin's own check comes before the core's
        return Seen("refused at the door", "" if named else f"{value}: {error}")
    return Seen("taken", f"{value} in {where}")


ATTACKS = (
    Attack(
        name="steps-poisoned",
        promise="A loss or gradient that is no finite number stops a run before the step, with exit code 7.",
        how="NaN, infinities in any step's outputs, an overflow in the gradient alone; then a resumption",
        few=3,
        many=54,
        run=poison_steps,
    ),
    Attack(
        name="data-poisoned",
        promise="NaN and infinite input is refused at the door.",
        how="In a sample or a target of a training split, in a sample to be answered",
        few=6,
        many=120,
        run=poison_data,
    ),
)
