"""The rows of a run's ``metrics.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpt_plugins.errors import IntegrityError
from fpt_plugins.plain_files import read_bounded

METRICS = "metrics.jsonl"
MOST_METRICS = 1 << 30
"""Bytes of the metrics that are read, 1 GB: five million rows."""


def row_line(row: Mapping[str, Any]) -> bytes:
    """A row as it stands in the file."""
    return (json.dumps(row) + "\n").encode()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a ``metrics.jsonl``, a last half-written one left out; none where there is no file.

    Raises:
        IntegrityError: The file cannot be read, or another line is no row; it is named.
    """
    try:
        lines = read_bounded(path, MOST_METRICS).splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    whole = (numbered for numbered in enumerate(lines, start=1) if numbered[1].endswith(b"\n"))
    return [_row(path, *numbered) for numbered in whole]


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}, line {number} is damaged: {error}") from error
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        raise IntegrityError(f"{path}, line {number} is damaged: it names no step")
    return row
