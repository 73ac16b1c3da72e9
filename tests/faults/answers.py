"""Prediction: an answer depends on its sample alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import fpt_plugins as fpt
from fpt_plugins.bank import Bank
from fpt_plugins.data import collate, tokenize
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.tiny_runs import BODY, MODALITIES, trained

THREADS = 8
TOLERANCE = 1e-5
"""In fp32: sums are ordered by the shapes of their matrices."""


def _arms(folder: Path) -> dict[str, fpt.Arm]:
    """Each modality after a few steps, loaded."""
    for task in MODALITIES:
        trained(task, folder / task.replace("/", "-"), steps=3, evaluate_every=3)
    return {
        task: fpt.load(folder / task.replace("/", "-"), device="cpu", data=folder / "data")
        for task in MODALITIES
    }


def _samples(arm: fpt.Arm, count: int) -> list[Any]:
    split = arm.task.split("validation")
    return [split[index][0] for index in range(min(count, len(split)))]


def _outputs(arm: fpt.Arm, samples: Sequence[Any]) -> torch.Tensor:
    batch = collate(arm.task, tokenize(arm.plugins, arm.task, list(samples)))
    with arm.evaluating():
        return arm.outputs(batch)


def _choice(outputs: torch.Tensor) -> torch.Tensor:
    return outputs.argmax(-1)


def mix_batches(times: int, folder: Path) -> Outcome:
    """A sample alone, and the same one anywhere in a batch of others, longer and shorter."""
    draw, seen, arms = random.Random(0), [], _arms(folder)
    samples = {task: _samples(arm, 32) for task, arm in arms.items()}
    for number in range(times):
        task = list(arms)[number % len(arms)]
        others = draw.choices(samples[task], k=draw.randint(1, 40))
        place = draw.randrange(len(others))
        alone, among = _outputs(arms[task], [others[place]])[0], _outputs(arms[task], others)[place]
        far = float((alone - among).abs().max())
        same = torch.equal(_choice(alone), _choice(among)) and far <= TOLERANCE
        seen.append(
            Seen("the same class, outputs within 1e-5", "" if same else f"{task}, {len(others)}: {far}")
        )
    return Outcome.of(seen)


def _at_once(ask: Callable[[int], Any]) -> list[Any]:
    """What each thread is answered, all of which ask at one moment."""
    found: list[Any] = [None] * THREADS
    together = threading.Barrier(THREADS)

    def work(number: int) -> None:
        together.wait(60)
        try:
            found[number] = ask(number)
        except Exception as error:  # noqa: BLE001 - whatever it is, the attack reports it
            found[number] = repr(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def ask_at_once(times: int, folder: Path) -> Outcome:
    """Eight threads ask one arm, one that still trains, and one bank of two adapters."""
    arms, seen = _arms(folder), []
    for number in range(times // 3):  # each round sees three things
        task = list(arms)[number % len(arms)]
        fresh = fpt.build(task, options=dict(MODALITIES[task]), data=folder / "data", dropout=0.5, **BODY)
        fresh.model.train()
        seen.append(_arm_at_once(arms[task], "an arm", number, trains=False))
        seen.append(_arm_at_once(fresh, "an arm that trains", number, trains=True))
        seen.append(_bank_at_once(arms[task], folder, number))
    return Outcome.of(seen)


def _arm_at_once(arm: fpt.Arm, kind: str, number: int, *, trains: bool) -> Seen:
    """Every answer of every thread; the first ones are those that meet the others."""
    samples = _samples(arm, 12)
    alone = arm.predict(samples)
    found = _at_once(lambda _: [arm.predict(samples) for _ in range(3)])
    agree = sum(each == [alone] * 3 for each in found)
    place = f"{arm.task.name}, {kind}, round {number}"
    broken = "" if agree == THREADS else f"{place}: {agree} of 8 agree"
    if arm.model.training is not trains:
        broken += f"{place}: its mode is another one afterwards"
    return Seen(f"eight agree on {kind}", broken)


def _bank_at_once(arm: fpt.Arm, folder: Path, number: int) -> Seen:
    task = arm.task.name
    place = folder / task.replace("/", "-")
    bank: Bank = fpt.load_many(
        {"one": place, "two": _other(task, folder)}, device="cpu", data=folder / "data"
    )
    samples = _samples(arm, 8)
    asked = [
        [("one" if (index + thread) % 2 else "two", each) for index, each in enumerate(samples)]
        for thread in range(8)
    ]
    alone = [bank.predict(each) for each in asked]
    found = _at_once(lambda thread: [bank.predict(asked[thread]) for _ in range(5)])
    agree = sum(each == [expected] * 5 for each, expected in zip(found, alone, strict=True))
    return Seen(
        "eight agree on a bank",
        "" if agree == THREADS else f"{task}, round {number}: {agree} of 8: {found[:1]}",
    )


def _other(task: str, folder: Path) -> Path:
    """Another adapter on the same body."""
    out = folder / f"{task.replace('/', '-')}-other"
    if not out.exists():
        trained(task, out, steps=3, evaluate_every=3, seed=1, init_seed=0, lr=0.1)
    return out


ATTACKS = (
    Attack(
        name="batches-mixed",
        promise="A sample alone is answered as in any batch: the same class, outputs within 1e-5 in fp32.",
        how="Samples of four modalities, alone and anywhere among up to 40 others, longer and shorter",
        few=8,
        many=1000,
        run=mix_batches,
    ),
    Attack(
        name="asked-at-once",
        promise="Eight threads that ask at once are answered as one is.",
        how="One loaded arm, one that is still in training mode, one bank of two adapters",
        few=3,
        many=60,
        run=ask_at_once,
    ),
)
