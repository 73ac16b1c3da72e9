"""From a task's split to batches: tokenized once, drawn in a seeded order, padded and masked.

Which samples a step sees is a function of the seed and the step alone, so a run resumes at any
step without a remembered position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np
import torch
from torch import Tensor

from fpt_plugins.errors import InputError
from fpt_plugins.progress import track
from fpt_plugins.sample_checks import check_sequences, checked_target
from fpt_plugins.sequence import Sequences, TokenIds
from fpt_plugins.streams import preserved_generators, seed_generators, stream_seed
from fpt_plugins.target import PADDING_TARGET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_plugins.plugins import Plugins
    from fpt_plugins.task import SplitName, Task

CHUNK = 512
"""Samples that are tokenized in one call."""


@attrs.frozen(eq=False)
class Batch:
    """Sequences padded on the right to the longest.

    Args:
        tokens: Ids ``[B, T]`` (int64) or vectors ``[B, T, width]`` (float32); padding is 0.
        attention_mask: ``[B, T]``, true where a token is real.
        targets: As the task's target lays them out; ``None`` where there are none to learn from.
        features: What the head reads of them ``[B, n, D]``, where a run computed it once.
    """

    tokens: Tensor
    attention_mask: Tensor
    targets: Tensor | None = None
    features: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        if device.type == "cpu":
            return self
        targets = self.targets if self.targets is None else self.targets.to(device, non_blocking=True)
        mask = self.attention_mask.to(device, non_blocking=True)
        return Batch(self.tokens.to(device, non_blocking=True), mask, targets, self.features)

    def __len__(self) -> int:
        return len(self.tokens)


class Order:
    """Which samples each step sees: epoch after epoch, each a permutation of its own.

    Args:
        size: Samples in the split.
        batch_size: Samples per step. A batch may reach over the end of an epoch.
        seed: Seeds the permutations.

    Example:
        >>> order = Order(size=4, batch_size=2, seed=0)
        >>> sorted(index for step in (0, 1) for index, epoch in order.at(step))
        [0, 1, 2, 3]
    """

    def __init__(self, size: int, batch_size: int, seed: int) -> None:
        self._size, self._batch_size, self._seed = size, batch_size, seed
        self._epoch, self._permutation = -1, np.zeros(0, dtype=np.int64)

    def at(self, step: int) -> list[tuple[int, int]]:
        """The samples of one step as ``(index, epoch)``."""
        start = step * self._batch_size
        return [self._sample(place) for place in range(start, start + self._batch_size)]

    def _sample(self, place: int) -> tuple[int, int]:
        epoch, within = divmod(place, self._size)
        if epoch != self._epoch:
            generator = np.random.default_rng(stream_seed(self._seed, "order", epoch))
            self._epoch, self._permutation = epoch, generator.permutation(self._size)
        return int(self._permutation[within]), epoch


class Samples(Protocol):
    """A split that yields batches by index."""

    def __len__(self) -> int: ...

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``."""
        ...


class TokenizedSplit:
    """A split in memory, tokenized once.

    Args:
        task: The task.
        sequences: All its samples' tokens.
        targets: One target per sample.
    """

    def __init__(self, task: Task, sequences: Sequences, targets: list[NDArray[Any]]) -> None:
        self._task, self._targets = task, targets
        self._values, self.lengths = sequences.values, sequences.lengths
        self._starts = np.concatenate([[0], np.cumsum(sequences.lengths)])

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``; the epoch changes nothing here."""
        chosen = [self._values[self._starts[index] : self._starts[index + 1]] for index, _ in samples]
        return collate(self._task, Sequences.of(chosen), [self._targets[index] for index, _ in samples])


class FreshSplit:
    """A split whose samples differ at every read: tokenized as they are drawn.

    Args:
        task: The task.
        plugins: Whose ``fpt_tokenize`` it is.
        dataset: The split's data set.
        seed: With epoch and index it seeds the generators that a sample is drawn from.
    """

    def __init__(self, task: Task, plugins: Plugins, dataset: Any, seed: int) -> None:
        self._task, self._plugins, self._dataset, self._seed = task, plugins, dataset, seed

    def __len__(self) -> int:
        return len(self._dataset)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``, each sample drawn from a stream of its own."""
        with preserved_generators():
            drawn = [self._draw(index, epoch) for index, epoch in samples]
        indices = [index for index, _ in samples]
        sequences = tokenize(self._plugins, self._task, [sample for sample, _ in drawn], indices)
        return collate(self._task, sequences, _targets(self._task, drawn, sequences, indices))

    def _draw(self, index: int, epoch: int) -> tuple[Any, Any]:
        seed_generators(stream_seed(self._seed, "sample", epoch, index))
        sample: tuple[Any, Any] = self._dataset[index]
        return sample


def read_split(plugins: Plugins, task: Task, name: SplitName, seed: int) -> Samples:
    """A split of a task, ready to be drawn from.

    Raises:
        InputError: A file is missing or wrong, the split is empty, or a sample or its target is
            not what the task declares.
    """
    dataset: Any = task.split(name)
    if len(dataset) == 0:
        raise InputError(f"the {name} split of {task.name} is empty")
    if name in task.fresh:
        return FreshSplit(task, plugins, dataset, seed)
    return tokenize_split(plugins, task, dataset, name)


def tokenize_split(plugins: Plugins, task: Task, dataset: Any, name: str) -> TokenizedSplit:
    """Every sample of a data set, tokenized; with a progress bar where that takes long."""
    parts: list[Sequences] = []
    targets: list[NDArray[Any]] = []
    starts = range(0, len(dataset), CHUNK)
    for start in track(starts, f"tokenizing {task.name} {name}"):
        indices = range(start, min(start + CHUNK, len(dataset)))
        drawn = [dataset[index] for index in indices]
        parts.append(tokenize(plugins, task, [sample for sample, _ in drawn], indices))
        targets.extend(_targets(task, drawn, parts[-1], indices))
    values = np.concatenate([part.values for part in parts])
    return TokenizedSplit(task, Sequences(values, np.concatenate([part.lengths for part in parts])), targets)


def tokenize(
    plugins: Plugins, task: Task, samples: list[Any], indices: Sequence[int] | None = None
) -> Sequences:
    """Samples as sequences, checked against what the task declares.

    Args:
        plugins: Whose ``fpt_tokenize`` it is.
        task: The task.
        samples: What its splits yield.
        indices: Each sample's place in its split, for messages; in ``samples`` where not given.

    Raises:
        PluginError: The plugin fails or gives no such batch.
        InputError: A sample is no sequence of the task.
    """
    sequences = plugins.tokenize(task, samples)
    check_sequences(task, sequences, range(len(samples)) if indices is None else indices)
    return sequences


def _targets(
    task: Task, drawn: Sequence[tuple[Any, Any]], sequences: Sequences, indices: Sequence[int]
) -> list[NDArray[Any]]:
    rows = zip(drawn, sequences.lengths.tolist(), indices, strict=True)
    return [checked_target(task, target, length, index) for (_, target), length, index in rows]


def collate(task: Task, sequences: Sequences, targets: list[NDArray[Any]] | None = None) -> Batch:
    """Sequences padded on the right with zeros to the longest, with the mask of what is real."""
    lengths = torch.from_numpy(sequences.lengths.astype(np.int64))
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)  # [B, T]
    kind = np.int64 if isinstance(task.sequence, TokenIds) else np.float32
    values = torch.from_numpy(sequences.values.astype(kind))  # a copy: a plugin's array may be read-only
    tokens = values.new_zeros((*mask.shape, *values.shape[1:]))
    tokens[mask] = values
    return Batch(tokens, mask, None if targets is None else _stack(targets))


def _stack(targets: list[NDArray[Any]]) -> Tensor:
    """Targets of one shape stacked; sequences of several lengths padded with ``PADDING_TARGET``."""
    if len({target.shape for target in targets}) == 1:
        return torch.from_numpy(np.stack(targets))
    padded = np.full((len(targets), max(len(target) for target in targets)), PADDING_TARGET, targets[0].dtype)
    for row, target in zip(padded, targets, strict=True):
        row[: len(target)] = target
    return torch.from_numpy(padded)


def whole(split: Samples, batch_size: int) -> Iterator[tuple[list[int], Batch]]:
    """Every sample once, in batches of about equal length so that little is padded."""
    lengths = split.lengths if isinstance(split, TokenizedSplit) else np.zeros(len(split), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        indices = [int(index) for index in order[start : start + batch_size]]
        yield indices, split.batch([(index, 0) for index in indices])
