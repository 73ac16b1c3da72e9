"""How long an LMDB file is by its own account. A shorter one kills the process that reads it.

The first two pages are meta pages, of which the one with the higher transaction counts. A page has
16 bytes of header; then a meta page has magic (u32), version (u32), address and size of the map
(u64 each), two databases of 48 bytes, of which the first begins with the page size (u32), the last
page's number (u64) and the transaction (u64). Source: ``mdb.c`` of LMDB 0.9, ``MDB_meta``.
"""

from __future__ import annotations

import struct
from pathlib import Path

from fpt_plugins import InputError

_META = struct.Struct("<16x I I 16x I 44x 48x Q Q")
_MAGIC = 0xBEEFC0DE
_PAGE_SIZES = frozenset({1 << power for power in range(8, 17)})
_REMEDY = "get the file again"


def check_length(path: Path) -> None:
    """Refuses an LMDB file that is shorter than its pages.

    Raises:
        InputError: It is no LMDB file, or it is cut off.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        _, _, page_size, _, _ = first = _meta(file.read(_META.size), path)
        file.seek(page_size)
        second = _meta(file.read(_META.size), path)
    _, _, _, last_page, _ = max(first, second, key=lambda meta: meta[-1])
    expected = (last_page + 1) * page_size
    if length < expected:
        raise InputError(f"cut off: {length:,} of {expected:,} bytes", _REMEDY, where=str(path))


def _meta(data: bytes, path: Path) -> tuple[int, int, int, int, int]:
    if len(data) < _META.size:
        raise InputError("cut off within its first pages", _REMEDY, where=str(path))
    magic, version, page_size, last_page, transaction = _META.unpack(data)
    if magic != _MAGIC or version != 1 or page_size not in _PAGE_SIZES:
        raise InputError("this is no LMDB file, or a damaged one", _REMEDY, where=str(path))
    return magic, version, page_size, last_page, transaction
