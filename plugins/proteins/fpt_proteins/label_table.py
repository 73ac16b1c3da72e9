"""A table of labels: a line per protein, ``id``, ``label`` and, if the user draws the splits, ``split``."""

from __future__ import annotations

import csv
from pathlib import Path

import attrs

from fpt_plugins import InputError
from fpt_proteins.text_files import read_text

SPLITS = ("train", "validation", "test")
SEPARATOR = "/"
"""Between the names of classes in the option ``classes``, so in none of them."""

_REMEDY = "the first line is id, label and, if you like, split, with tabs or commas between"


@attrs.frozen
class LabelRow:
    """One line.

    Args:
        label: The protein's class.
        split: ``train``, ``validation`` or ``test``; nothing where the table has no such column.
        where: File and line, for messages.
    """

    label: str
    split: str
    where: str


def read_labels(path: Path) -> dict[str, LabelRow]:
    """The rows of a table by the proteins' names.

    Raises:
        InputError: Not such a table, or a line that is not of its form; with the line.
    """
    lines = read_text(path).rstrip("\n").split("\n")
    columns = _columns(lines[0], path)
    rows: dict[str, LabelRow] = {}
    for number, line in enumerate(lines[1:], start=2):
        where = f"{path}, line {number}"
        row = dict(zip(columns, _values(line, lines[0], len(columns), where), strict=True))
        if row["id"] in rows:
            raise InputError(
                f"a second label of {row['id']}; the first is at {rows[row['id']].where}", where=where
            )
        rows[row["id"]] = LabelRow(row["label"], row.get("split", ""), where)
    return rows


def _columns(header: str, path: Path) -> list[str]:
    columns = _fields(header, header, f"{path}, line 1")
    if columns not in (["id", "label"], ["id", "label", "split"]):
        raise InputError(f"the first line is {header[:60]!r}", _REMEDY, where=f"{path}, line 1")
    return columns


def _values(line: str, header: str, count: int, where: str) -> list[str]:
    values = _fields(line, header, where)
    if len(values) != count or not all(values):
        raise InputError(f"{line[:60]!r} has not {count} values", _REMEDY, where=where)
    if SEPARATOR in values[1]:
        raise InputError(
            f"the label {values[1]!r} has a {SEPARATOR!r} in it", "write another sign", where=where
        )
    if count == 3 and values[2] not in SPLITS:
        raise InputError(f"the split {values[2]!r} is none of {', '.join(SPLITS)}", where=where)
    return values


def _fields(line: str, header: str, where: str) -> list[str]:
    reader = csv.reader([line], delimiter="\t" if "\t" in header else ",", strict=True)
    try:
        return [field.strip() for field in next(reader, [])]
    except csv.Error as error:
        raise InputError(f"{line[:60]!r}: {error}", where=where) from error
