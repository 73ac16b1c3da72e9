"""A table, read and checked once: what was found is kept beside it as HDF5.

Reading 96,000 rows and recomputing their labels takes half a minute, the HDF5 file a second. It
counts only for a table of the same SHA-256, and only while its own content is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import h5py

from fpt_listops.dataset import Expressions
from fpt_listops.tables import read_table
from fpt_plugins import InputError, track

_FORMAT = "fpt-listops parsed 1"  # raised whenever a table would be read or checked otherwise
_ARRAYS = ("ids", "ends", "labels")


def load_table(path: Path, *, sha256: str, rows: int, limit: int) -> Expressions:
    """The expressions of a table in Long Range Arena's form, from beside it where they are kept.

    Args:
        path: The table.
        sha256: Of the table.
        rows: How many it must have.
        limit: The most tokens of an expression.

    Raises:
        InputError: The table is not as it should be, with file and line.
    """
    cache, source = path.with_suffix(".parsed.h5"), f"{_FORMAT}, at most {limit} tokens, {sha256}"
    found = _from_cache(cache, source)
    if found is None:
        found = Expressions.of(track(read_table(path, limit), f"checking {path.name}", total=rows))
        with contextlib.suppress(OSError):  # a data root that cannot be written to is read anew each time
            _to_cache(cache, source, found)
    if len(found) != rows:
        raise InputError(f"{len(found)} rows, where {rows} are asked for", where=str(path))
    return found


def _from_cache(cache: Path, source: str) -> Expressions | None:
    try:
        with h5py.File(cache, "r") as file:
            kept = Expressions(*(file[name][:] for name in _ARRAYS))
            recorded = file.attrs["source"], file.attrs["sha256"]
    except (OSError, KeyError, ValueError, TypeError, RuntimeError):  # none, or a damaged one
        return None
    return kept if recorded == (source, _content_digest(kept)) else None


def _to_cache(cache: Path, source: str, expressions: Expressions) -> None:
    temporary = cache.with_name(f".{cache.name}.{os.getpid()}")
    try:
        with h5py.File(temporary, "w") as file:
            for name in _ARRAYS:
                file[name] = getattr(expressions, name)
            file.attrs["source"], file.attrs["sha256"] = source, _content_digest(expressions)
        temporary.replace(cache)
    finally:
        temporary.unlink(missing_ok=True)


def _content_digest(expressions: Expressions) -> str:
    found = hashlib.sha256()
    for name in _ARRAYS:
        found.update(getattr(expressions, name).data)
    return found.hexdigest()
