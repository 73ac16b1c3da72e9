"""The values of a file as forecasts take them: the columns that were asked for, without gaps."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from fpt_plugins import InputError, UnknownName
from fpt_timeseries.dated_csv import Table, read_table
from fpt_timeseries.gaps import interpolated
from fpt_timeseries.options import Missing


def carbon_dioxide() -> Path:
    """Weekly carbon dioxide over Mauna Loa, 1958 to 2001, as statsmodels carries it: in the public domain.

    2,284 weeks, 59 of them missing. C. D. Keeling and T. P. Whorf, Atmospheric CO2 concentrations
    derived from flask air samples at sites in the SIO network, 2004.

    Raises:
        InputError: statsmodels is not installed as it should be.
    """
    found = importlib.util.find_spec("statsmodels")  # where it is: importing it takes a second
    folders = found.submodule_search_locations if found else None
    path = Path(next(iter(folders or ["statsmodels"]))) / "datasets" / "co2" / "co2.csv"
    if not path.is_file():
        raise InputError("the default series is not there", "pip install statsmodels", where=str(path))
    return path


def read_series(path: Path | None, columns: Sequence[str], missing: Missing, *, regular: bool) -> Table:
    """The table of a file, or of the default series, whose gaps are always filled.

    Args:
        path: The file; the default series where it is ``None``.
        columns: Those that count; all where there are none.
        missing: What to do about missing values.
        regular: Whether dates must be one step apart.

    Raises:
        InputError: The file is wrong, or a value is missing; with its line.
        UnknownName: There is no such column.
    """
    place = path or carbon_dioxide()
    changed = place.stat().st_mtime_ns if place.is_file() else 0
    table = _chosen(_read(place, changed, regular), tuple(columns), place)
    return _whole(table, place, missing if path else "interpolate")


@functools.lru_cache(maxsize=2)  # a task asks for three splits and their floors
def _read(path: Path, _changed: int, regular: bool) -> Table:
    return read_table(path, regular=regular)


def _chosen(table: Table, columns: tuple[str, ...], path: Path) -> Table:
    for column in columns:
        if column not in table.columns:
            raise UnknownName(f"column in {path}", column, table.columns)
    places = [table.columns.index(column) for column in columns or table.columns]
    return attrs.evolve(table, columns=columns or table.columns, values=table.values[:, places])


def _whole(table: Table, path: Path, missing: Missing) -> Table:
    gaps = np.argwhere(np.isnan(table.values))
    if not len(gaps):
        return table
    row, column = gaps[0]
    name, empty = table.columns[column], np.isnan(table.values).all(0)
    if empty.any():
        name = table.columns[int(empty.argmax())]
        raise InputError(f"{name} has no value at all", "leave it out: --option columns=A,B", where=str(path))
    if missing == "refuse":
        raise InputError(
            f"{name} is missing, and {len(gaps) - 1} more values are",
            "fill them by straight lines: --option missing=interpolate",
            where=f"{path}, line {table.lines[row]}",
        )
    return attrs.evolve(table, values=interpolated(table.values))
