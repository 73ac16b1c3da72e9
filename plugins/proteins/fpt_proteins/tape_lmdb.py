"""TAPE's LMDB files: records as pickles under their numbers, and how many there are."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from fpt_plugins import InputError, unpickle_plain_values
from fpt_proteins import lmdb_entries
from fpt_proteins.lmdb_length import check_length
from fpt_proteins.proteins import Protein
from fpt_proteins.tape import protein

_COUNT = b"num_examples"
_REMEDY = "get the file again"


def read_lmdb(folder: Path) -> list[Protein]:
    """The proteins of a file, in order.

    Args:
        folder: What holds ``data.mdb``.

    Raises:
        InputError: The file is damaged or cut off, a record is missing or is not one of TAPE's, or
            a pickle holds anything but plain values and arrays; with the record.
    """
    check_length(folder / "data.mdb")
    count: Any = None
    found: dict[int, Protein] = {}
    seen: set[bytes] = set()
    for key, value in entries(folder):
        name = key.decode("ascii", "replace")
        where = f"{folder}, record {name}"
        if key in seen:
            raise InputError("read a second time: the file's pages run in a circle", _REMEDY, where=where)
        seen.add(key)
        if key == _COUNT:
            count = unpickle_plain_values(value, where=where)
        elif name.isdecimal():
            found[int(name)] = protein(unpickle_plain_values(value, where=where), folder, int(name))
    if not found or count != len(found) or found.keys() != set(range(len(found))):
        message = f"num_examples is {count!r:.20}, and there are {len(found)} records"
        raise InputError(message, _REMEDY, where=str(folder))
    return [found[number] for number in range(len(found))]


def entries(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values in the order of the keys, read by a process that may die of them.

    Raises:
        InputError: It did.
    """
    command = [sys.executable, "-P", "-m", lmdb_entries.__name__, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 # our own
    with process, cast("IO[bytes]", process.stdout) as output, cast("IO[bytes]", process.stderr) as errors:
        yield from _read_entries(output)
        error = errors.read().decode(errors="replace").strip()
    if process.returncode:
        raise InputError(f"damaged: {_reason(process.returncode, error)}", _REMEDY, where=str(folder))


def _read_entries(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while len(header := stream.read(lmdb_entries.HEADER.size)) == lmdb_entries.HEADER.size:
        key_length, value_length = lmdb_entries.HEADER.unpack(header)
        entry = stream.read(key_length + value_length)
        if len(entry) == key_length + value_length:
            yield entry[:key_length], entry[key_length:]


def _reason(code: int, error: str) -> str:
    return f"reading it ended with {signal.Signals(-code).name}" if code < 0 else error.rpartition("\n")[2]
