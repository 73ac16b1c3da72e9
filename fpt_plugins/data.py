"""From a task's split to batches: tokenized once or as it is drawn, checked, padded and masked."""

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
from fpt_plugins.tokens import HeldTokens, Tokens, joined

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

    def take(self, indices: Tensor) -> Batch:
        """The samples at some places ``[b]``, in their order, without features."""
        targets = None if self.targets is None else self.targets[indices]
        return Batch(self.tokens[indices], self.attention_mask[indices], targets)

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        if device.type == "cpu":
            return self
        targets = self.targets if self.targets is None else self.targets.to(device, non_blocking=True)
        mask = self.attention_mask.to(device, non_blocking=True)
        return Batch(self.tokens.to(device, non_blocking=True), mask, targets, self.features)

    def pin_memory(self) -> Batch:
        """The same batch in memory from which a GPU's copies are asynchronous."""
        targets = self.targets if self.targets is None else self.targets.pin_memory()
        return Batch(self.tokens.pin_memory(), self.attention_mask.pin_memory(), targets, self.features)

    def __len__(self) -> int:
        return len(self.tokens)

    def parts(self, size: int) -> Iterator[Batch]:
        """The same samples in batches of at most ``size``, in order."""
        if size >= len(self):
            yield self
            return
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            targets = None if self.targets is None else self.targets[rows]
            features = None if self.features is None else self.features[rows]
            yield Batch(self.tokens[rows], self.attention_mask[rows], targets, features)


class Samples(Protocol):
    """A split that yields batches by index."""

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """Tokens per sample; ``None`` where that is not known before it is drawn."""
        ...

    def __len__(self) -> int: ...

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``."""
        ...


class ReadSplit(Protocol):
    """A function like :func:`read_split`."""

    def __call__(self, plugins: Plugins, task: Task, name: SplitName, seed: int) -> Samples: ...


class TokenizedSplit:
    """A split that was tokenized once.

    Args:
        task: The task.
        tokens: Of all its samples.
    """

    def __init__(self, task: Task, tokens: Tokens) -> None:
        self._task, self._tokens = task, tokens
        self.lengths: NDArray[np.int64] = tokens.lengths[:]
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)]).tolist()
        self._per_token = task.readout.positions is None

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``; the epoch changes nothing here."""
        values, targets = self._tokens.values, self._tokens.targets
        spans = [slice(*self._starts[index : index + 2]) for index, _ in samples]
        places = spans if self._per_token else [index for index, _ in samples]
        sequences = Sequences.of([values[span] for span in spans])
        return collate(self._task, sequences, [np.asarray(targets[place]) for place in places])


class FreshSplit:
    """A split whose samples differ at every read: tokenized as they are drawn.

    Args:
        task: The task.
        plugins: Whose ``fpt_tokenize`` it is.
        dataset: The split's data set.
        seed: With epoch and index it seeds the generators that a sample is drawn from.
    """

    lengths = None

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
    """A split of a task, made from its source and ready to be drawn from.

    Raises:
        InputError: A file is missing or wrong, the split is empty, or a sample or its target is
            not what the task declares.
    """
    dataset = data_set(task, name)
    if name in task.fresh:
        return FreshSplit(task, plugins, dataset, seed)
    return TokenizedSplit(task, joined(tokenized(plugins, task, dataset, name)))


def data_set(task: Task, name: SplitName) -> Any:
    """The task's data set.

    Raises:
        InputError: It is empty, or the task has a reason of its own.
    """
    dataset: Any = task.split(name)
    if len(dataset) == 0:
        raise InputError(f"the {name} split of {task.name} is empty")
    return dataset


def tokenized(plugins: Plugins, task: Task, dataset: Any, name: str) -> Iterator[HeldTokens]:
    """Every sample of a data set, a chunk at a time; with a progress bar where that takes long.

    Ids are held in the smallest type that has room for the vocabulary, vectors in float32.
    """
    sequence = task.sequence
    kind = np.min_scalar_type(sequence.size - 1) if isinstance(sequence, TokenIds) else np.dtype(np.float32)
    join = np.concatenate if task.readout.positions is None else np.stack
    for start in track(range(0, len(dataset), CHUNK), f"tokenizing {task.name} {name}"):
        indices = range(start, min(start + CHUNK, len(dataset)))
        drawn = [dataset[index] for index in indices]
        found = tokenize(plugins, task, [sample for sample, _ in drawn], indices)
        targets = _targets(task, drawn, found, indices)
        yield HeldTokens(found.values.astype(kind), found.lengths.astype(np.int64), join(targets))


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
    if len(values) == mask.numel():  # nothing is padded
        tokens = values.reshape(*mask.shape, *values.shape[1:])
    else:
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
    lengths = np.zeros(len(split), dtype=np.int64) if split.lengths is None else split.lengths
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        indices = [int(index) for index in order[start : start + batch_size]]
        yield indices, split.batch([(index, 0) for index in indices])
