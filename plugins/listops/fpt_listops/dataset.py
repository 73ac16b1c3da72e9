"""Many expressions in little memory: one byte per token, and where each expression ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from fpt_listops.tables import Row


class Expressions(Dataset[tuple[NDArray[np.uint8], int]]):
    """A split: item ``i`` is ``(token ids [T] of the full form, label)``.

    Args:
        ids: All tokens of all expressions, ``[sum of T]``, ``uint8``.
        ends: Where each expression ends in ``ids``, ``[N]``.
        labels: Their values, ``[N]``, ``uint8``.
    """

    def __init__(self, ids: NDArray[np.uint8], ends: NDArray[np.int64], labels: NDArray[np.uint8]) -> None:
        self.ids, self.ends, self.labels = ids, ends, labels

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Expressions:
        """Gather rows that come one at a time."""
        ids, ends, labels = bytearray(), [], bytearray()
        for row in rows:
            ids += row.ids.data
            ends.append(len(ids))
            labels.append(row.label)
        return cls(
            np.frombuffer(ids, np.uint8), np.array(ends, dtype=np.int64), np.frombuffer(labels, np.uint8)
        )

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: SupportsIndex) -> tuple[NDArray[np.uint8], int]:
        place = range(len(self))[index]  # negative ones from the end; IndexError beyond
        start = int(self.ends[place - 1]) if place else 0
        return self.ids[start : int(self.ends[place])].copy(), int(self.labels[place])
