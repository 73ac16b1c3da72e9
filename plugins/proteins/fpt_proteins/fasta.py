"""FASTA files, checked line by line before Biopython reads them.

Biopython takes what it can from any file: no record at all, a record without a sequence, two
records of one name, spaces, digits and control characters within sequences. In a data set each
of these is an error of whoever made the file, so each is refused here with its record and line.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import attrs

from fpt_plugins import InputError
from fpt_proteins.text_files import read_text
from fpt_proteins.vocabulary import checked


@attrs.frozen
class FastaRecord:
    """One record.

    Args:
        identifier: The first word of its header.
        header: The whole header, without ``>``.
        sequence: Its residues, in capitals.
        where: File, record and line, for messages.
    """

    identifier: str
    header: str
    sequence: str
    where: str


def read_fasta(path: Path, *, lowercase: bool = False) -> list[FastaRecord]:
    """All records of a file, plain or gzip.

    Args:
        path: The file.
        lowercase: Whether records in lower case throughout are read, as ASTRAL writes them.

    Raises:
        InputError: A file that is not text, or a record that is not a name and a sequence of
            amino acids; with file, record and line.
    """
    from Bio import SeqIO

    text = read_text(path)
    places = [
        _check(lines, number, path, lowercase=lowercase) for number, lines in enumerate(_blocks(text), 1)
    ]
    records = list(SeqIO.parse(io.StringIO(text), "fasta"))
    _check_names([record.id for record in records], places)
    return [
        FastaRecord(record.id, record.description, str(record.seq).upper(), where)
        for record, where in zip(records, places, strict=True)
    ]


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each record; of what stands before the first ``>``, if it is not blank."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(">") and block:
            yield block
            block = []
        if block or line.strip():
            block.append((number, line))
    yield block


def _check(lines: list[tuple[int, str]], record: int, path: Path, *, lowercase: bool) -> str:
    """The record's place, if it is a name and a sequence of amino acids."""
    (first, header), *rest = lines
    where = f"{path}, record {record}, line {first}"
    if not header.startswith(">"):
        message = f"{header[:40]!r} stands before the first record"
        raise InputError(message, "a record begins with '>' and its name", where=f"{path}, line {first}")
    if not header[1:].split() or header[1].isspace():
        raise InputError("a record without a name", "write the name right after '>'", where=where)
    while rest and not rest[-1][1].strip():
        rest.pop()
    if not rest:
        raise InputError(f"{header.split()[0]} has no sequence", where=where)
    in_lower_case = lowercase and all(letters.islower() for _, letters in rest)
    for number, letters in rest:
        place = f"{path}, record {record}, line {number}"
        if not letters.strip():
            raise InputError("a blank line within a sequence", "take it out", where=place)
        checked(letters.upper() if in_lower_case else letters, where=place)
    return where


def _check_names(names: list[str], places: list[str]) -> None:
    first: dict[str, str] = {}
    for name, place in zip(names, places, strict=True):
        if name in first:
            message = f"a second record {name}; the first is at {first[name]}"
            raise InputError(message, "give each record a name of its own", where=place)
        first[name] = place
