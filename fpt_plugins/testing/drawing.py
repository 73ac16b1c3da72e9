"""What a task's splits yield, as the core draws it: tokens and targets as bytes, sample by sample."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeAlias

from fpt_plugins.task import SPLITS, SplitName, Task

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.data import Batch, Samples
    from fpt_plugins.testing.subject import Subject

MOST_SAMPLES = 2048
"""The samples of a split that are looked at: a declared task is smaller."""

Drawn: TypeAlias = list[tuple[bytes, bytes]]


def open_split(plugin: Subject, task: Task, split: SplitName) -> Samples:
    """A split as a run reads it, with seed 0."""
    from fpt_plugins.data import read_split

    return read_split(plugin.plugins(task), task, split, seed=0)


def first_batch(plugin: Subject, task: Task, count: int = 4, split: SplitName = "validation") -> Batch:
    """The first samples of a split as a batch."""
    samples = open_split(plugin, task, split)
    return samples.batch([(index, 0) for index in range(min(count, len(samples)))])


def targets_of(batch: Batch) -> Tensor:
    """The targets of a batch of a split, which has them."""
    assert batch.targets is not None  # noqa: S101 # a split has targets; for the type checker
    return batch.targets


def draw(samples: Samples, indices: range | list[int]) -> Drawn:
    """The tokens and the target of some samples, in the first epoch."""
    batches = [samples.batch([(index, 0)]) for index in indices]
    return [(batch.tokens.numpy().tobytes(), _bytes(batch.targets)) for batch in batches]


def contents(plugin: Subject, task: Task) -> dict[str, Drawn]:
    """Every split's samples, the first ``MOST_SAMPLES`` of each."""
    found: dict[str, Drawn] = {}
    for split in SPLITS:
        samples = open_split(plugin, task, split)
        found[split] = draw(samples, range(min(len(samples), MOST_SAMPLES)))
    return found


def digest(found: dict[str, Drawn]) -> str:
    """One SHA-256 of the contents of a task."""
    total = hashlib.sha256()
    for split, samples in sorted(found.items()):
        for tokens, target in samples:
            total.update(f"{split} {len(tokens)} {len(target)} ".encode() + tokens + target)
    return total.hexdigest()


def _bytes(targets: Any) -> bytes:
    content: bytes = targets.numpy().tobytes()
    return content
