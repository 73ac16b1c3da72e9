"""The user's proteins with their labels: the records of a FASTA file joined to the lines of a table."""

from __future__ import annotations

import functools
from pathlib import Path

import attrs

from fpt_plugins import InputError
from fpt_proteins.fasta import FastaRecord, read_fasta
from fpt_proteins.label_table import LabelRow, read_labels
from fpt_proteins.proteins import Protein


@attrs.frozen
class LabeledProteins:
    """All proteins of a file, and the splits where the table has them.

    Args:
        proteins: In the order of the FASTA file.
        by_table: The proteins of each split; nothing where the table has no such column.
    """

    proteins: list[Protein]
    by_table: dict[str, list[Protein]]


def read_labeled(fasta: Path, labels: Path) -> LabeledProteins:
    """Each protein with its label.

    Raises:
        InputError: Either file is wrong, or a protein is in one of them alone.
    """
    return _read(fasta, labels, tuple(path.stat().st_mtime_ns for path in (fasta, labels) if path.is_file()))


@functools.lru_cache(maxsize=2)  # a task asks for three splits and their floors
def _read(fasta: Path, labels: Path, _changed: tuple[int, ...]) -> LabeledProteins:
    records, rows = read_fasta(fasta), read_labels(labels)
    _check_same(records, rows, labels)
    splits: dict[str, list[Protein]] = {"train": [], "validation": [], "test": []}
    proteins = []
    for record in records:
        row = rows[record.identifier]
        proteins.append(Protein(record.identifier, record.sequence, row.label))
        if row.split:
            splits[row.split].append(proteins[-1])
    return LabeledProteins(proteins, splits if any(splits.values()) else {})


def _check_same(records: list[FastaRecord], rows: dict[str, LabelRow], labels: Path) -> None:
    for record in records:
        if record.identifier not in rows:
            message = f"{record.identifier} has no label in {labels}"
            raise InputError(message, "add a line, or take the record out", where=record.where)
    known = {record.identifier for record in records}
    for name, row in rows.items():
        if name not in known:
            message = f"{name} is not in the FASTA file"
            raise InputError(message, "add its record, or take the line out", where=row.where)
