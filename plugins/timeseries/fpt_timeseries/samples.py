"""Samples from JSON, and as tokens: refused where they are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fpt_plugins import InputError

LARGEST = 1e18
"""The largest value, either sign: its square is a number of float32 still."""

RESOLVED = 100
"""Steps of float32 at least, within a deviation of the window."""


def forecast_window(value: Any, context: int) -> NDArray[np.float64]:
    """The last ``context`` values of ``{"values": [...]}``.

    Raises:
        InputError: It is something else, or has fewer values.
    """
    numbers = column(_list(value, "values"), "values")
    if len(numbers) < context:
        raise InputError(f"{len(numbers)} values, where {context} are seen")
    return numbers[-context:]


def column(numbers: Sequence[Any], where: str, *, gaps: bool = False) -> NDArray[np.float64]:
    """JSON numbers as an array ``[T]``; ``null`` as NaN where gaps are taken.

    Raises:
        InputError: There is none, or one is no finite number.
    """
    if not isinstance(numbers, list) or not numbers:
        raise InputError(f"{numbers!r:.40} is no list of numbers", where=where)
    for place, number in enumerate(numbers):
        if gaps and number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= LARGEST:
            raise InputError(f"{number!r:.40} is no finite number", where=f"{where}[{place}]")
    return np.array([np.nan if number is None else float(number) for number in numbers])


def patches(sample: Any, context: int, patch: int, stride: int) -> NDArray[np.float32]:
    """A window ``[context]`` as patches ``[T, patch]``.

    Raises:
        InputError: It has another shape, a value that is not finite, or one that float32 cannot tell
            from its neighbors.
    """
    values = np.asarray(sample, dtype=np.float64)
    if values.shape != (context,):
        raise InputError(f"numbers of shape {values.shape}, where a window is of shape ({context},)")
    largest = float(np.abs(values).max())
    if not largest <= LARGEST:
        raise InputError(f"a value of the window is not finite, or beyond {LARGEST:g}")
    deviation = float(values.std())
    if 0 < deviation < RESOLVED * np.spacing(np.float32(largest)):
        raise InputError(
            f"the window varies by {deviation:.2g} around {values.mean():.6g}: too little for float32",
            "take a constant off the column",
        )
    return sliding_window_view(values.astype(np.float32), patch)[::stride]


def _list(value: Any, key: str) -> Any:
    if not isinstance(value, dict) or set(value) != {key}:
        raise InputError(f'a sample is {{"{key}": [...]}}; found {value!r:.60}')
    return value[key]


def series_of_channels(value: Any, channels: int) -> NDArray[np.float64]:
    """``{"channels": [[...], ...]}`` as an array ``[T, C]``, NaN for ``null``.

    Raises:
        InputError: It is something else, has another number of channels, or channels of several
            lengths or without a value.
    """
    lists = _list(value, "channels")
    if not isinstance(lists, list) or len(lists) != channels:
        raise InputError(f"{lists!r:.40} is no list of {channels} channels")
    columns = [column(numbers, f"channels[{place}]", gaps=True) for place, numbers in enumerate(lists)]
    if len({len(each) for each in columns}) > 1:
        raise InputError(f"channels of {sorted({len(each) for each in columns})} values")
    if any(np.isnan(each).all() for each in columns):
        raise InputError("a channel has no value at all")
    return np.stack(columns, axis=1)


def normalized(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each channel of ``[T, C]`` less its mean, over its deviation; a constant channel is 0."""
    if not len(values):
        return values
    deviation = values.std(axis=0)
    result: NDArray[np.float64] = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return result


def steps_as_patches(values: Any, channels: int, patch: int) -> NDArray[np.float32]:
    """A series ``[T, C]`` as ``[T / patch, patch * C]``; the last step fills the last patch up.

    Raises:
        InputError: It has another shape, or no step.
    """
    values = np.asarray(values, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != channels or not len(values):
        raise InputError(f"numbers of shape {values.shape}, where a series is of shape (steps, {channels})")
    filled = np.concatenate([values, np.repeat(values[-1:], -len(values) % patch, axis=0)])
    return filled.reshape(-1, patch * channels)
