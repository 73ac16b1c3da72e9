"""TAPE's JSON files: one list of records, read one by one, for whole they take gigabytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from fpt_plugins import InputError
from fpt_proteins.proteins import Protein
from fpt_proteins.tape import protein
from fpt_proteins.text_files import read_text

_GAP = re.compile(r"\s*")


def read_json(path: Path) -> Iterator[Protein]:
    """The proteins of a file, in order.

    Raises:
        InputError: The file is not a list of TAPE's records, or is cut off; with the record.
    """
    text, decoder, record = read_text(path), json.JSONDecoder(), 0
    place = _expect(text, 0, "[", path, "TAPE's files begin with a list")
    while text[place : place + 1] != "]" or record == 0:
        where = f"{path}, record {record}"
        if record:
            place = _expect(text, place, ",", where, "records stand between commas")
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise InputError(f"not JSON, or cut off: {error}", "get the file again", where=where) from error
        yield protein(value, path, record)
        place, record = _skip(text, place), record + 1
    if _skip(text, place + 1) != len(text):
        raise InputError(f"text after the list of {record} records", where=str(path))


def _expect(text: str, place: int, mark: str, where: Path | str, reason: str) -> int:
    place = _skip(text, place)
    if not text.startswith(mark, place):
        found = repr(text[place : place + 20]) if place < len(text) else "the end of the file"
        raise InputError(f"{reason}; found {found}", "get the file again", where=str(where))
    return _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    gap = _GAP.match(text, place)
    return gap.end() if gap else place
