"""A table, read and checked once: reading 96,000 rows takes half a minute, what is kept of them a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fpt_listops.dataset import Expressions
from fpt_listops.tables import read_table
from fpt_plugins import InputError, cached_arrays, track

READER_VERSION = 2  # raised whenever a table would be read or checked otherwise


def load_table(path: Path, *, sha256: str, rows: int, limit: int) -> Expressions:
    """The expressions of a table in Long Range Arena's form, from an earlier reading if there was one.

    Args:
        path: The table.
        sha256: Of the table.
        rows: How many it must have.
        limit: The most tokens of an expression.

    Raises:
        InputError: The table is not as it should be, with file and line.
    """

    def parse() -> dict[str, NDArray[Any]]:
        read = Expressions.of(track(read_table(path, limit), f"checking {path.name}", total=rows))
        return {"ids": read.ids, "ends": read.ends, "labels": read.labels}

    reader = f"table {READER_VERSION}, at most {limit} tokens"
    found = Expressions(**cached_arrays(parse, plugin="listops", reader=reader, sha256=sha256))
    if len(found) != rows:
        raise InputError(f"{len(found)} rows, where {rows} are asked for", where=str(path))
    return found
