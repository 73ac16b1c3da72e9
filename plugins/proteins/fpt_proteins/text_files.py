"""The text of a file, plain or gzip, when it is text: the damage that line readers let through is refused."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path
from typing import IO

from fpt_plugins import InputError

MOST_BYTES = 1 << 31
"""The largest text that is read, unpacked: above the largest of TAPE's files, below what fills a machine."""

MOST_UNPACKED = 50
"""Bytes of text for each byte of gzip, beyond the first 16 MB. Sequences and their names take about 4;
a bomb takes a thousand."""

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8 with a byte order mark",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONE_RETURN = re.compile(rb"\r(?!\n)")


def read_text(path: Path) -> str:
    r"""The whole text of a file, its lines ended by ``\n``; gzip is unpacked.

    Raises:
        InputError: No file, nothing in it, damaged gzip, another encoding than UTF-8, a control
            character (as in binary files), or line ends of the old Mac; with the line.
    """
    data = _unpacked(path)
    if not data.strip():
        raise InputError("the file is empty", where=str(path))
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise InputError(f"the text is {name}", "save it as plain UTF-8", where=f"{path}, line 1")
    if lone := _LONE_RETURN.search(data):
        remedy = "write them anew: tr '\\r' '\\n'"
        raise InputError("lines end in CR alone", remedy, where=_line(path, data, lone.start()))
    return _decoded(path, data).replace("\r\n", "\n")


def _unpacked(path: Path) -> bytes:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        size = path.stat().st_size
        most = min(MOST_BYTES, 2**24 + MOST_UNPACKED * size if packed else size)
        with gzip.open(path) if packed else path.open("rb") as file:
            data = _text_bytes(path, file, most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"cannot be read: {error}", "get the file again", where=str(path)) from error
    if path.suffix == ".gz" and not packed:
        raise InputError("named .gz, and not gzip", "rename it, or get it again", where=str(path))
    if len(data) > most:
        raise InputError(f"more than {most:,} bytes of text", "split the file", where=str(path))
    return data


def _text_bytes(path: Path, file: IO[bytes] | gzip.GzipFile, most: int) -> bytes:
    """Up to so many bytes, and none beyond the block in which a byte is no text."""
    data = bytearray()
    while len(data) < most and (block := file.read(min(_BLOCK, most - len(data)))):
        data += block
        marked = any(data.startswith(mark) for mark in _MARKS)  # which is refused by a name of its own
        if not marked and (control := _CONTROL.search(block)):
            message = f"byte {control.group()[0]} is no text: this is a binary file, or a damaged one"
            raise InputError(message, where=_line(path, data, len(data) - len(block) + control.start()))
        if marked:
            break
    return bytes(data)


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place = _line(path, data, error.start)
        raise InputError("the text is not UTF-8", "save it as plain UTF-8", where=place) from error


def _line(path: Path, data: bytes | bytearray, offset: int) -> str:
    number = data.count(b"\n", 0, offset) + 1
    return f"{path}, line {number}"
