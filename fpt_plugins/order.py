"""Which samples a step sees: a function of the seed and the step alone.

So a run resumes at any step without a remembered position, and every process and worker of a run
finds the same batches for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fpt_plugins.streams import stream_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

POOL = 64
"""Batches whose samples are sorted by length together."""


class Order:
    """Which samples each step sees: epoch after epoch, each a permutation of its own.

    With ``lengths`` the permutation is cut into pools of ``POOL`` batches, each pool is sorted by
    length and cut into batches, and the batches are shuffled. Every sample still comes once per
    epoch and at any step of it with equal probability, so the gradient's mean over an epoch is that
    of random batches. The samples of one batch are alike in length: where the loss depends on the
    length, single steps differ more from that mean. Who shares a batch is drawn anew in each epoch.
    Packing several samples into one row would pad less still, but gives them positions, and in a
    body without a block mask neighbors, that they never had in pretraining.

    Args:
        size: Samples in the split.
        batch_size: Samples per step. A batch may reach over the end of an epoch.
        seed: Seeds the permutations.
        lengths: Tokens per sample ``[size]``, to batch by; random batches where it is not given,
            or where all are as long.

    Example:
        >>> order = Order(size=4, batch_size=2, seed=0)
        >>> sorted(index for step in (0, 1) for index, epoch in order.at(step))
        [0, 1, 2, 3]
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, lengths: NDArray[np.int64] | None = None
    ) -> None:
        self._size, self._batch_size, self._seed = size, batch_size, seed
        self._lengths = lengths if lengths is not None and np.ptp(lengths) else None
        self._epoch, self._permutation = -1, np.zeros(0, dtype=np.int64)

    def at(self, step: int) -> list[tuple[int, int]]:
        """The samples of one step as ``(index, epoch)``."""
        found: list[tuple[int, int]] = []
        while len(found) < self._batch_size:
            epoch, within = divmod(step * self._batch_size + len(found), self._size)
            left = self._batch_size - len(found)
            found += [(index, epoch) for index in self._permuted(epoch)[within : within + left].tolist()]
        return found

    def _permuted(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            self._epoch, self._permutation = epoch, self._draw(epoch)
        return self._permutation

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        generator = np.random.default_rng(stream_seed(self._seed, "order", epoch))
        permutation = generator.permutation(self._size)
        if self._lengths is None:
            return permutation
        start = min(-epoch * self._size % self._batch_size, self._size)  # there the last epoch's batch ends
        end = start + (self._size - start) // self._batch_size * self._batch_size
        batches = self._sorted_in_pools(permutation[start:end], self._lengths)
        permutation[start:end] = generator.permutation(batches.reshape(-1, self._batch_size)).ravel()
        return permutation

    def _sorted_in_pools(self, drawn: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        pool = np.arange(len(drawn)) // (POOL * self._batch_size)
        return drawn[np.lexsort((lengths[drawn], pool))]
