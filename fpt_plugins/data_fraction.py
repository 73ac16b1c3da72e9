"""A share of a training split: how much data an arm needs is a question of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fpt_plugins.data import Batch, Samples
from fpt_plugins.streams import stream_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Part:
    """Some samples of a split, in an order of its own.

    Args:
        split: The split.
        indices: Which of its samples.
    """

    def __init__(self, split: Samples, indices: NDArray[np.int64]) -> None:
        self._split, self._indices = split, indices
        self.lengths = None if split.lengths is None else split.lengths[indices]

    def __len__(self) -> int:
        return len(self._indices)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``."""
        return self._split.batch([(int(self._indices[index]), epoch) for index, epoch in samples])


def fraction_of(split: Samples, fraction: float, seed: int) -> Samples:
    """A share of a split, at least one sample; of one seed a smaller share lies within a greater one.

    Args:
        split: The split.
        fraction: The share; 1 is the split itself.
        seed: Draws the samples.
    """
    if fraction == 1:
        return split
    drawn = np.random.default_rng(stream_seed(seed, "data fraction")).permutation(len(split))
    return Part(split, drawn[: max(1, round(fraction * len(split)))])
