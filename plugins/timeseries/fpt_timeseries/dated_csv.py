"""Reads a table of dated values: CSV in the layout of ETT, a column of dates and columns of numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from fpt_plugins import InputError
from fpt_timeseries.steps import Step, find_step, first_irregular
from fpt_timeseries.text_lines import bounded_lines

MISSING = frozenset({"", "nan", "na", "null", "?"})
"""How a missing value is written, in any case."""

LARGEST = 1e18
"""The largest value, either sign: its square is a number of float32 still."""


@attrs.frozen(eq=False)
class Row:
    """One line of the file: its number, its date, and its values, NaN where missing."""

    line: int
    date: datetime
    values: list[float]


@attrs.frozen(eq=False)
class Table:
    """Values by date.

    Args:
        columns: Their names.
        values: ``[T, C]``, NaN where missing.
        lines: The line of each row in its file.
        step: From each date to the next; ``None`` where that differs.
        next_date: The first date after the table; empty where there is no such step.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    lines: list[int]
    step: Step | None
    next_date: str

    def __len__(self) -> int:
        return len(self.values)


def read_table(path: Path, *, regular: bool) -> Table:
    """The table of a file, in the order of its dates.

    Args:
        path: The file: a header, then a line per date.
        regular: Whether dates must be one step apart.

    Raises:
        InputError: The file cannot be read; a line is wrong; a date comes again, or before the one
            above it, or is not one step after it. File and line are named.
    """
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(bounded_lines(file, path))
            names = _header(next(reader, []), f"{path}, line 1")
            rows = []
            for words in reader:
                line = reader.line_num
                if words:
                    rows.append(_row(words, names, line, f"{path}, line {line}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the file cannot be read: {error}", where=f"{path}, after line {line}") from error
    if not rows:
        raise InputError("the file has no line of values", where=str(path))
    return _table(names, rows, path, regular=regular)


def _header(words: list[str], where: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in words[1:])
    if not names or not all(names):
        raise InputError(
            f"the header is {','.join(words)!r:.60}",
            "name a column of dates and at least one of values: date,temperature",
            where=where,
        )
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two columns are named {name!r:.40}", "rename one", where=where)
    return names


def _row(words: list[str], names: Sequence[str], line: int, where: str) -> Row:
    if len(words) != len(names) + 1:
        raise InputError(f"{len(words)} fields, where the header has {len(names) + 1}", where=where)
    values = [_value(word, name, where) for word, name in zip(words[1:], names, strict=True)]
    return Row(line, _date(words[0], where), values)


def _date(word: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(word.strip())
    except ValueError as error:
        raise InputError(
            f"{word!r:.40} is no date", "write it as ISO 8601 does: 2016-07-01 00:00:00", where=where
        ) from error


def _value(word: str, name: str, where: str) -> float:
    if word.strip().lower() in MISSING:
        return math.nan
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise InputError(f"{name} is {word!r:.40}, which is no finite number", where=where)
    return value


def _table(names: tuple[str, ...], rows: list[Row], path: Path, *, regular: bool) -> Table:
    dates = [row.date for row in rows]
    _check_order(rows, path)
    step = find_step(dates)
    if regular and step is None and len(rows) > 1:
        place = first_irregular(dates)
        raise InputError(
            f"{dates[place]} is {dates[place] - dates[place - 1]} after {dates[place - 1]}: the steps differ",
            "add the missing lines, with empty values, or take lines as steps: --option regular=false",
            where=f"{path}, line {rows[place].line}",
        )
    values = np.array([row.values for row in rows], dtype=np.float64)
    following = step.after(dates[-1]) if step else None
    next_date = step.written(following) if step and following else ""
    return Table(names, values, [row.line for row in rows], step, next_date)


def _check_order(rows: list[Row], path: Path) -> None:
    for before, row in pairwise(rows):
        where = f"{path}, line {row.line}"
        if (before.date.tzinfo is None) != (row.date.tzinfo is None):
            raise InputError("this date has a time zone and others have none", where=where)
        if row.date == before.date:
            raise InputError(f"{row.date} stands twice", "keep one line for each date", where=where)
        if row.date < before.date:
            raise InputError(f"{row.date} comes after {before.date}", "sort the lines by date", where=where)
