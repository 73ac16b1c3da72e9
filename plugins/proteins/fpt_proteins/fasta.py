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


@attrs.frozen
class RefusedRecord:
    """One record that is no name and sequence of amino acids.

    Args:
        identifier: The first word of its header, or its place where it has none.
        reason: Why, with record and line.
    """

    identifier: str
    reason: InputError


def read_fasta(path: Path, *, lowercase: bool = False) -> list[FastaRecord]:
    """All records of a file, plain or gzip, each of which must be a protein.

    Args:
        path: The file.
        lowercase: Whether records in lower case throughout are read, as ASTRAL writes them.

    Raises:
        InputError: A file that is not text, or a record that is not a name and a sequence of
            amino acids; with file, record and line.
    """
    records = []
    for record in read_records(path, lowercase=lowercase):
        if isinstance(record, RefusedRecord):
            raise record.reason
        records.append(record)
    return records


def read_records(path: Path, *, lowercase: bool = False) -> Iterator[FastaRecord | RefusedRecord]:
    """Each record of a file, plain or gzip, with its protein or with why it has none.

    Args:
        path: The file.
        lowercase: Whether records in lower case throughout are read, as ASTRAL writes them.

    Raises:
        InputError: A file that is not text, text before the first record, or two records of one name.
    """
    from Bio import SeqIO

    first: dict[str, str] = {}
    for number, lines in enumerate(_blocks(read_text(path)), 1):
        where = _place(lines, number, path)
        try:
            _check(lines, number, path, lowercase=lowercase)
        except InputError as error:
            name = "".join(lines[0][1][1:].split()[:1]) or f"record {number}"
            yield RefusedRecord(name, error)
            continue
        text = "\n".join(line for _, line in lines)
        record = SeqIO.read(io.StringIO(text), "fasta")
        _check_name(record.id, where, first)
        yield FastaRecord(record.id, record.description, str(record.seq).upper(), where)


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


def _place(lines: list[tuple[int, str]], record: int, path: Path) -> str:
    first, header = lines[0]
    if not header.startswith(">"):
        message = f"{header[:40]!r} stands before the first record"
        raise InputError(message, "a record begins with '>' and its name", where=f"{path}, line {first}")
    return f"{path}, record {record}, line {first}"


def _check(lines: list[tuple[int, str]], record: int, path: Path, *, lowercase: bool) -> None:
    """Refuses a record that is not a name and a sequence of amino acids."""
    (_, header), *rest = lines
    where = _place(lines, record, path)
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


def _check_name(name: str, place: str, first: dict[str, str]) -> None:
    if name in first:
        message = f"a second record {name}; the first is at {first[name]}"
        raise InputError(message, "give each record a name of its own", where=place)
    first[name] = place
