"""Missing values, filled by the line between the values around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def interpolated(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns ``[T, C]`` without NaN; before the first value and after the last one, that value.

    A column of NaN alone stays so.

    Example:
        >>> interpolated(np.array([[np.nan], [1.0], [np.nan], [3.0]])).ravel().tolist()
        [1.0, 1.0, 2.0, 3.0]
    """
    return np.stack([_filled(column) for column in values.T], axis=1)


def _filled(column: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(column)
    if known.all() or not known.any():
        return column
    places = np.arange(len(column))
    return np.interp(places, places[known], column[known])
