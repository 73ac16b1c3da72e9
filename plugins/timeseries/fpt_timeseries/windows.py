"""A split of a forecasting task: every window of its rows with the values that follow, column by column."""

from __future__ import annotations

from typing import SupportsIndex, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

Sample: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


@attrs.frozen(eq=False)
class Windows(Dataset[Sample]):
    """Windows ``[context]``, and what follows each of them, ``[horizon]``.

    Args:
        values: ``[T, C]``, standardized.
        rows: Those that are forecast; a window may reach back before them.
        context: Values that are seen.
        horizon: Values that are forecast.
    """

    values: NDArray[np.float32]
    rows: range
    context: int
    horizon: int

    @property
    def starts(self) -> range:
        """The first row of each forecast."""
        return range(max(self.rows.start, self.context), self.rows.stop - self.horizon + 1)

    def __len__(self) -> int:
        return len(self.starts) * len(self.values[0])

    def __getitem__(self, index: SupportsIndex) -> Sample:
        column, place = divmod(range(len(self))[index], len(self.starts))
        start = self.starts[place]
        series = self.values[:, column]
        return series[start - self.context : start].copy(), series[start : start + self.horizon].copy()


def standardized(values: NDArray[np.float64], train: range) -> NDArray[np.float32]:
    """Each column less its mean over the training rows, over its deviation there."""
    seen = values[train.start : train.stop]
    deviation = seen.std(axis=0)
    result: NDArray[np.float64] = (values - seen.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return result.astype(np.float32)
