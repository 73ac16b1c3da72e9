"""Resumption: bitwise, wherever a run was stopped; nothing that is missing is filled in."""

from __future__ import annotations

import functools
import itertools
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

from fpt_plugins import kept_run, storage
from fpt_plugins.model import FrozenPretrainedTransformer
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.children import begun, die
from tests.faults.tiny_runs import MODALITIES, differences, trained

PARTS = 2
"""Of a step of 4 samples, 2 at a time."""


def _at_call(
    number: int, act: Callable[[], None], real: Callable[..., Any], counts: Callable[..., bool]
) -> Any:
    """The function, which acts in place of its so-manieth call that counts."""
    calls = itertools.count(1)

    @functools.wraps(real)
    def call(*arguments: Any, **named: Any) -> Any:
        if counts(*arguments) and next(calls) == number:
            act()
        return real(*arguments, **named)

    return call


def _forward(number: int, *, training: bool) -> Any:
    """Death in the model's so-manieth pass while it trains, or while it is evaluated."""
    real = FrozenPretrainedTransformer.forward
    call = _at_call(number, die, real, lambda model, *_: model.training is training)
    return mock.patch.object(FrozenPretrainedTransformer, "forward", call)


def _write(number: int) -> Any:
    """Death before a file of a checkpoint or an adapter is written."""
    real = storage._write_through
    in_set = functools.partial(_at_call, number, die, real)
    return mock.patch.object(storage, "_write_through", in_set(lambda path, _: ".writing-step" in str(path)))


def _press(number: int) -> Any:
    """Ctrl-C in the so-manieth training pass: the product's own interruption."""
    real = FrozenPretrainedTransformer.forward
    press = functools.partial(signal.raise_signal, signal.SIGINT)
    call = _at_call(number, press, real, lambda model, *_: model.training)
    return mock.patch.object(FrozenPretrainedTransformer, "forward", call)


def _conclude() -> Any:
    """Death when every step is taken and checked, before the adapter is written."""
    return mock.patch.object(kept_run, "adapter_files", side_effect=lambda *_: die())


STOPS: Mapping[str, Callable[[], Any]] = {
    "in the middle of accumulation": lambda: _forward(PARTS * 17 + 2, training=True),
    "in the middle of an evaluation": lambda: _forward(5, training=False),
    "in the middle of a save": lambda: _write(3 * 5 + 3),
    "by Ctrl-C": lambda: _press(PARTS * 26 + 1),
    "before the adapter": _conclude,
}
"""After 17 steps, in the second look or later, in the fourth save, after 27 steps, after 40."""


def train_to(stop: str, task: str, out: Path, say: Callable[[str], None]) -> None:
    """A run that is stopped."""
    with STOPS[stop](), suppress(KeyboardInterrupt):
        trained(task, out)
        say("it came to its end")


def stop_runs(times: int, folder: Path) -> Outcome:
    """Every pair of a stop and a modality in turn, beside one run of the modality that nobody stops."""
    stops, tasks = list(STOPS), list(MODALITIES)  # 5 and 4 have no divisor in common: all pairs come in turn
    pairs = [(stops[number % len(stops)], tasks[number % len(tasks)]) for number in range(times)]
    return Outcome.of(_stopped(*pair, folder, number) for number, pair in enumerate(pairs))


def _stopped(stop: str, task: str, folder: Path, number: int) -> Seen:
    calm, out = folder / task.replace("/", "-"), folder / str(number)
    if not calm.exists():
        trained(task, calm)
    with begun(train_to, stop, task, out) as child:
        said = child.rest()
        child.process.join()
    record = trained(task, out, resume=True)
    broken = differences(out, calm) or "; ".join([*said, *record.not_bitwise])
    return Seen("bitwise the run that nobody stopped", f"{task}, {stop}: {broken}" if broken else "")


ATTACKS = (
    Attack(
        name="runs-stopped",
        promise="A resumed run ends with the bits and the rows of one that nobody stopped.",
        how="SIGKILL in accumulation, evaluation, a save, before the adapter, and Ctrl-C; four modalities",
        few=2,
        many=20,
        run=stop_runs,
    ),
)
