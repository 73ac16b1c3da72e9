"""Arrays in one HDF5 file, with a SHA-256 of the file at its end: what is damaged never reaches HDF5.

HDF5 is a large library in C whose reader trusts what a file says of itself, and its own checksums leave
out the structure around the numbers. It ignores what follows its last block, and there the digest is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from fpt_plugins.errors import IntegrityError
from fpt_plugins.open_file import OpenFile

if TYPE_CHECKING:
    import h5py

BLOCK_BYTES = 1 << 20
"""So much is in memory while a file is checked."""

_DAMAGE = (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError)  # what h5py raises of it
_SEAL_BYTES = hashlib.sha256().digest_size


def seal(path: Path, key: str) -> None:
    """Ends a file with the SHA-256 of a key and of all that stands before.

    Args:
        path: A file that is closed.
        key: What its content depends on; it opens with no other.
    """
    with OpenFile(path) as written:
        found = _digest(written, key, written.size)
    with path.open("ab") as file:
        file.write(found)


def open_sealed(path: Path, key: str, names: Collection[str] | None = None) -> OpenFile:
    """A file whose every byte was checked, and whose arrays stand in the file itself: for ``open_arrays``.

    Args:
        path: The file.
        key: As for :func:`seal`.
        names: The arrays that it has to hold, and no others; any where it is ``None``.

    Raises:
        FileNotFoundError: There is none.
        IntegrityError: It is damaged, cut off, of another key, or reaches out of itself.
    """
    try:
        checked = OpenFile(path)
        _check_seal(checked, key)
        with open_arrays(checked) as file:
            _check_arrays(file, names)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except _DAMAGE as error:
        raise IntegrityError(f"{path} is damaged: {error}", "remove it: it is made anew") from error
    return checked


def open_arrays(checked: OpenFile) -> h5py.File:
    """A file to read from, by ordinary reads: a memory map would end the process where it is cut off."""
    import h5py

    return h5py.File(checked, "r", locking=False)  # nothing writes to it, and network drives refuse locks


def _check_seal(file: OpenFile, key: str) -> None:
    size = file.size - _SEAL_BYTES
    if size < 0 or _digest(file, key, size) != file.read(_SEAL_BYTES):
        raise ValueError("its content is not what its digest says")


def _digest(file: OpenFile, key: str, size: int) -> bytes:
    """Of the key and of so many bytes from the beginning; what follows them is read next."""
    found = hashlib.sha256(f"{key}\n".encode())
    file.seek(0)
    for place in range(0, size, BLOCK_BYTES):
        found.update(file.read(min(BLOCK_BYTES, size - place)) or b"")
    return found.digest()


def _check_arrays(file: h5py.File, names: Collection[str] | None) -> None:
    for name in file:
        _check_own(file, name)
    if names is not None and sorted(file) != sorted(names):
        raise ValueError(f"it holds {', '.join(file) or 'nothing'}")


def _check_own(file: h5py.File, name: str) -> None:
    """Refuses what is no array of numbers or bytes in the file itself: links, other files, made-up sizes."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise TypeError(f"{name} is a link")
    stored = file[name]
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "biufS":
        raise TypeError(f"{name} is no array of numbers")
    if stored.external or stored.is_virtual:
        raise ValueError(f"{name} is kept in another file")
    there = stored.id.get_storage_size()
    if there < stored.nbytes:
        raise ValueError(f"{name} has {stored.nbytes} bytes, of which {there} are there")
