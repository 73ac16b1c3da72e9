"""The lines of a text file, none read beyond a length that no table has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from fpt_plugins import InputError

LONGEST = 1 << 25
"""Characters; the widest case of the UEA archive has three million."""


def bounded_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, with their ends.

    Raises:
        InputError: One is longer than ``LONGEST``; it is named.
    """
    for number, line in enumerate(iter(lambda: file.readline(LONGEST), ""), start=1):
        if len(line) == LONGEST:
            message = f"a line of {LONGEST:,} characters or more"
            raise InputError(message, "this is no table, or a damaged one", where=f"{path}, line {number}")
        yield line
