"""A table of the report: one content, written as CSV, Markdown and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import attrs

from fpt_plugins.report.tuples import texts


def _rows(rows: Iterable[Iterable[object]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(" ".join(str(cell).split()) for cell in row) for row in rows)


@attrs.frozen(kw_only=True)
class Table:
    """Cells as they are read, in rows.

    Args:
        name: Of its file.
        title: Above it.
        columns: Their names.
        rows: A cell for each column.
        numbers: The columns that hold numbers.
        note: Below it: units, and how it came about.
    """

    name: str
    title: str
    columns: tuple[str, ...] = attrs.field(converter=texts)
    rows: tuple[tuple[str, ...], ...] = attrs.field(converter=_rows)
    numbers: tuple[str, ...] = attrs.field(default=(), converter=texts)
    note: str = ""

    @rows.validator
    def _is_whole(self, _: attrs.Attribute[object], rows: tuple[tuple[str, ...], ...]) -> None:
        for row in rows:
            if len(row) != len(self.columns):
                raise ValueError(f"the table {self.name} has {len(self.columns)} columns, a row {len(row)}")

    def csv(self) -> str:
        """For programs: a header line, then a line for each row."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()

    def markdown(self) -> str:
        """As Markdown's pipe table."""
        rule = ["--:" if name in self.numbers else "---" for name in self.columns]
        return "\n".join(map(_line, (self.columns, rule, *self.rows)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
