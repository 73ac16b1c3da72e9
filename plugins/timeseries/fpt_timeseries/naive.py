"""Forecasts that need no learning: the last value, the last season, the mean of the window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fpt_plugins import Floor, mean_absolute_error, mean_squared_error
from fpt_timeseries.windows import Windows

Forecaster = Callable[[NDArray[np.float64], int], NDArray[np.float64]]
"""From windows ``[N, context]`` and a horizon to forecasts that broadcast to ``[N, horizon]``."""


def floors(split: Windows, season: int, source: str) -> tuple[Floor, ...]:
    """Both scores of each forecaster; the seasonal one where a season is known and the window holds it."""
    forecasters: dict[str, Forecaster] = {"naive": last_value}
    if 0 < season <= split.context:
        forecasters["seasonal naive"] = lambda windows, horizon: last_season(windows, horizon, season)
    forecasters["window mean"] = window_mean
    scored = {name: scores(split, forecaster) for name, forecaster in forecasters.items()}
    metrics = (mean_squared_error.name, mean_absolute_error.name)
    return tuple(
        Floor(name=name, metric=metric, value=values[place], source=source)
        for place, metric in enumerate(metrics)
        for name, values in scored.items()
    )


def last_value(windows: NDArray[np.float64], _: int) -> NDArray[np.float64]:
    """The last value again and again."""
    return windows[:, -1:]


def window_mean(windows: NDArray[np.float64], _: int) -> NDArray[np.float64]:
    """The mean of the window: what the network forecasts whose head says nothing."""
    mean: NDArray[np.float64] = windows.mean(axis=1, keepdims=True)
    return mean


def last_season(windows: NDArray[np.float64], horizon: int, season: int) -> NDArray[np.float64]:
    """The value one season earlier; beyond the first season, that season again."""
    return windows[:, -season:][:, np.arange(horizon) % season]


def scores(split: Windows, forecaster: Forecaster) -> tuple[float, float]:
    """Mean squared and mean absolute error over every window, column and value."""
    squared = absolute = 0.0
    begin, end = split.starts.start - split.context, split.rows.stop
    for column in split.values.T.astype(np.float64):
        whole = sliding_window_view(column[begin:end], split.context + split.horizon)
        forecast = forecaster(whole[:, : split.context], split.horizon)
        error = whole[:, split.context :] - forecast
        squared, absolute = squared + float((error**2).sum()), absolute + float(np.abs(error).sum())
    count = len(split) * split.horizon
    return squared / count, absolute / count
