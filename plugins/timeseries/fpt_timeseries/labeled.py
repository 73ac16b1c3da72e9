"""A split of a classification task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

Row: TypeAlias = tuple[NDArray[np.float64], int]


@attrs.frozen(eq=False)
class LabeledSeries(Dataset[Row]):
    """Series ``[T, C]``, each with the place of its class."""

    series: Sequence[Row]

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, index: SupportsIndex) -> Row:
        values, label = self.series[index.__index__()]
        return values.copy(), label
