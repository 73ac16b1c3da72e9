"""Long Range Arena's own files: a header, then ``Source``, tab and ``Target`` on every line.

Written there by Python's ``csv.writer``, so lines end with a carriage return and a line feed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from fpt_listops.expression import encode, evaluate
from fpt_listops.vocabulary import DIGITS
from fpt_plugins import InputError, SplitName

FILES: Mapping[SplitName, str] = {
    "test": "basic_test.tsv",
    "validation": "basic_val.tsv",
    "train": "basic_train.tsv",
}
HEADER = "Source\tTarget"
_WIDEST_TOKEN = 16  # characters: "[MIN", a pair of parentheses of its own, one as an argument, spaces


@attrs.frozen(eq=False)
class Row:
    """One line of a table.

    Args:
        line: Its number; the header is line 1.
        ids: The expression, ids of ``SYMBOLS``, ``[T]``.
        label: Its value.
    """

    line: int
    ids: NDArray[np.uint8]
    label: int


def table_digest(path: Path) -> str:
    """SHA-256 of the file.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error


def write_table(path: Path, rows: Iterable[tuple[str, int]]) -> None:
    """Write binarized expressions and their labels, as Long Range Arena does."""
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(f"{HEADER}\r\n")
        file.writelines(f"{source}\t{label}\r\n" for source, label in rows)


def read_table(path: Path, limit: int) -> Iterator[Row]:
    """The rows of a table, one at a time, each label recomputed.

    Args:
        path: The file.
        limit: The most tokens of an expression.

    Raises:
        InputError: Header, columns, expression or label are not as they should be, with file and line.
    """
    lines = read_lines(path, limit)
    number, header = next(lines, (1, ""))
    if header != HEADER:
        raise InputError(f"the header is {header[:80]!r}, not {HEADER!r}", where=f"{path}, line {number}")
    for number, line in lines:
        where = f"{path}, line {number}"
        columns = line.split("\t")
        if len(columns) != 2:
            raise InputError(f"{len(columns)} columns, where Source and Target are asked for", where=where)
        ids = encode(columns[0], limit=limit, where=where)
        yield Row(number, ids, _checked_label(columns[1], ids, where))


def read_expressions(path: Path, limit: int) -> Iterator[Row]:
    """One expression per line, without header or label.

    Raises:
        InputError: A line is no well-formed expression, with file and line.
    """
    for number, line in read_lines(path, limit):
        ids = encode(line, limit=limit, where=f"{path}, line {number}")
        yield Row(number, ids, evaluate(ids))


def read_lines(path: Path, limit: int) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1; none is read beyond what an expression of ``limit`` tokens takes.

    Raises:
        InputError: The file cannot be opened, or a line is longer than that.
    """
    longest = _WIDEST_TOKEN * (limit + len(HEADER))
    try:
        file = path.open(encoding="ascii", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    with file:
        for number, line in enumerate(iter(lambda: file.readline(longest), ""), 1):
            if len(line) == longest:
                raise InputError(
                    f"the line is longer than {limit} tokens can be", where=f"{path}, line {number}"
                )
            yield number, line.rstrip("\n")


def _checked_label(word: str, ids: NDArray[np.uint8], where: str) -> int:
    if word not in DIGITS:
        raise InputError(f"the label is {word[:40]!r}, not a digit", where=where)
    value = evaluate(ids)
    if int(word) != value:
        raise InputError(f"the label is {word}, but the expression's value is {value}", where=where)
    return value
