"""The forecasting task: the next values of a series from a window of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import ge, gt, in_, lt

from fpt_plugins import (
    ConfigurationError,
    Flatten,
    Floor,
    InputError,
    Recipe,
    SplitName,
    Task,
    Vectors,
    mean_absolute_error,
    mean_squared_error,
)
from fpt_timeseries.horizon import Horizon
from fpt_timeseries.options import MISSING_HELP, Missing, whole_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_timeseries.dated_csv import Table
    from fpt_timeseries.windows import Windows


def _share(default: float, what: str) -> Any:
    return attrs.field(default=default, validator=[gt(0.0), lt(0.5)], metadata={"help": what})


@attrs.frozen(kw_only=True)
class Forecast(Task):
    """The next ``horizon`` values of a series. A sample is a window ``[context]`` of one column.

    Columns are forecast each by itself (channel-independent), all by one model. Splits yield
    standardized values, as the literature scores them; a window in any other units is
    forecast in these, because its own mean and deviation are taken out and put back.
    """

    name: ClassVar[str] = "timeseries/forecast"
    summary: ClassVar[str] = "the next values of each column of a CSV, from a window of the values before"

    path: Path | None = attrs.field(
        default=None,
        converter=whole_path,
        metadata={"help": "a CSV: a column of dates, then values; default: CO2 over Mauna Loa"},
    )
    columns: tuple[str, ...] = attrs.field(
        default=(), converter=tuple, metadata={"help": "the columns that count; all where not given"}
    )
    context: int = attrs.field(default=336, validator=ge(2), metadata={"help": "values that are seen"})
    horizon: int = attrs.field(default=96, validator=ge(1), metadata={"help": "values that are forecast"})
    patch: int = attrs.field(default=16, validator=ge(1), metadata={"help": "values per token"})
    stride: int = attrs.field(default=8, validator=ge(1), metadata={"help": "values from patch to patch"})
    missing: Missing = attrs.field(
        default="refuse", validator=in_(("refuse", "interpolate")), metadata=MISSING_HELP
    )
    regular: bool = attrs.field(default=True, metadata={"help": "refuse dates that are not one step apart"})
    season: int = attrs.field(
        default=0,
        validator=ge(0),
        metadata={"help": "steps of the seasonal naive forecast; 0: by the dates, such as 24 for hours"},
    )
    validation_share: float = _share(0.1, "of the rows; the standard ETT files have splits of their own")
    test_share: float = _share(0.2, "of the rows, at the end")

    recipe = Recipe(steps=1000, batch_size=32, lr=1e-3)
    metrics = (mean_squared_error, mean_absolute_error)

    def __attrs_post_init__(self) -> None:
        if self.stride > self.patch:
            raise ConfigurationError(
                f"stride={self.stride} leaves values out between patches of {self.patch}"
            )
        over = (self.context - self.patch) % self.stride
        if over or self.context < self.patch:
            near = max(self.context - over, self.patch)
            raise ConfigurationError(
                f"patches of {self.patch} at a stride of {self.stride} do not fill context={self.context}",
                f"take --option context={near}",
            )

    @property
    def tokens(self) -> int:
        """Patches per window."""
        return (self.context - self.patch) // self.stride + 1

    @property
    def sequence(self) -> Vectors:
        """One vector per patch."""
        return Vectors(width=self.patch, max_length=self.tokens)

    @property
    def readout(self) -> Flatten:
        """All patches, joined."""
        return Flatten(self.tokens)

    @property
    def target(self) -> Horizon:
        """The values that follow."""
        return Horizon(self.horizon, self.stride)

    def files(self, split: SplitName) -> Sequence[Path]:  # noqa: ARG002 # one file for all splits
        """The CSV; the default series comes with statsmodels."""
        return [self.path] if self.path else []

    def split(self, name: SplitName) -> Windows:
        """Windows of one column each, with the values that follow, both standardized."""
        return self._split(self._table(self.path), name)

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """The last value, the last season, and the window's mean, at both metrics."""
        from fpt_timeseries.naive import floors

        table = self._table(self.path)
        season = self.season or (table.step.season if table.step else 0)
        return floors(self._split(table, split), season, f"every window of {split}")

    def parse(self, value: Any) -> NDArray[np.float64]:
        """``{"values": [315.2, 316.1, ...]}``: a window; of more values, the last ones."""
        from fpt_timeseries.samples import forecast_window

        return forecast_window(value, self.context)

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """The last window of each column of a CSV; the identifier has the date of the first forecast."""
        table = self._table(path)
        if len(table) < self.context:
            raise InputError(f"{len(table):,} rows, where {self.context} are seen", where=str(path))
        begins = f", from {table.next_date}" if table.next_date else ""
        for column, values in zip(table.columns, table.values.T, strict=True):
            yield f"{column}{begins}", values[-self.context :].copy()

    def tokenize(self, sample: Any) -> NDArray[np.float32]:
        """A window as overlapping patches, ``[tokens, patch]``."""
        from fpt_timeseries.samples import patches

        return patches(sample, self.context, self.patch, self.stride)

    def _table(self, path: Path | None) -> Table:
        from fpt_timeseries.series import read_series

        return read_series(path, self.columns, self.missing, regular=self.regular)

    def _split(self, table: Table, name: SplitName) -> Windows:
        from fpt_timeseries.borders import borders
        from fpt_timeseries.windows import Windows, standardized

        rows = borders(self.path, len(table), self.validation_share, self.test_share)
        windows = Windows(standardized(table.values, rows["train"]), rows[name], self.context, self.horizon)
        if not len(windows):
            raise InputError(
                f"{len(table):,} rows leave {len(rows[name]):,} to {name}, too few for a window of "
                f"{self.context} and {self.horizon} to forecast",
                "give a longer series, or lower the options context and horizon",
                where=str(self.path or "the default series"),
            )
        return windows
