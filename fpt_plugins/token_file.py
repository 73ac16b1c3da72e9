"""A tokenized split as one HDF5 file: written whole or not at all, checked when it is opened.

Read a few samples at a time, so that it may be larger than memory; through ordinary reads and not a
memory map, which would end the process where a file is cut off under it.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fpt_plugins.errors import IntegrityError
from fpt_plugins.tokens import HELD, HeldTokens

if TYPE_CHECKING:
    import h5py

CHUNK_BYTES = 1 << 16
"""HDF5 stores and checks this much as one piece; a sample is read with the pieces that it touches."""

BLOCK_BYTES = 1 << 24
"""So much is in memory while a file is checked."""

_SEAL = "sha256"
_DAMAGE = (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError)  # what h5py raises of it


class StoredTokens:
    """The tokens of a file that was checked. Each process opens the file for itself.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._process = path, 0
        self._file: Any = None

    @property
    def values(self) -> Any:
        """Ids or vectors."""
        return self._data_set("values")

    @property
    def lengths(self) -> Any:
        """Tokens per sample."""
        return self._data_set("lengths")

    @property
    def targets(self) -> Any:
        """What is to be predicted."""
        return self._data_set("targets")

    def _data_set(self, name: str) -> h5py.Dataset:
        if self._process != os.getpid():  # a handle of HDF5 does not survive a fork
            self._file, self._process = _open(self._path), os.getpid()
        return self._file[name]


def write_tokens(path: Path, key: str, parts: Iterable[HeldTokens]) -> None:
    """Puts a file in its place in one step; memory holds one part at a time.

    Args:
        path: The file.
        key: What its content depends on; it opens with no other.
        parts: The samples, some at a time; at least one part.

    Raises:
        OSError: It cannot be written.
    """
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".writing-", dir=path.parent) as temporary:
        whole = Path(temporary) / path.name
        with h5py.File(whole, "w") as file:
            for part in parts:
                for name in HELD:
                    _append(file, name, getattr(part, name))
            file.attrs[_SEAL] = _seal(file, key)
        whole.replace(path)


def open_tokens(path: Path, key: str) -> StoredTokens:
    """The tokens of a file, every byte of them checked.

    Raises:
        FileNotFoundError: There is none.
        IntegrityError: It is damaged, cut off, of another key, or reaches out of itself.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with _open(path) as file:
            for name in HELD:
                _check_own(file, name)
            if sorted(file) != sorted(HELD) or file.attrs[_SEAL] != _seal(file, key):
                raise ValueError("its content is not what its digest says")
    except _DAMAGE as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    return StoredTokens(path)


def _open(path: Path) -> h5py.File:
    import h5py

    return h5py.File(path, "r", locking=False)  # nothing writes to it, and network drives refuse locks


def _append(file: h5py.File, name: str, part: Any) -> None:
    if name not in file:
        rows = max(1, CHUNK_BYTES // max(1, part.itemsize * math.prod(part.shape[1:])))
        shapes = {"maxshape": (None, *part.shape[1:]), "chunks": (rows, *part.shape[1:])}
        file.create_dataset(name, data=part, fletcher32=True, **shapes)
        return
    stored = file[name]
    stored.resize(len(stored) + len(part), axis=0)
    stored[-len(part) :] = part


def _check_own(file: h5py.File, name: str) -> None:
    """Whether numbers stand in the file itself: no link, no other file's bytes, none that are made up."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise TypeError(f"{name} is a link")
    stored = file[name]
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "biuf":
        raise TypeError(f"{name} is no array of numbers")
    if stored.external or stored.is_virtual:
        raise ValueError(f"{name} is kept in another file")
    there = stored.id.get_storage_size()
    if there < stored.nbytes:
        raise ValueError(f"{name} has {stored.nbytes} bytes, of which {there} are there")


def _seal(file: h5py.File, key: str) -> str:
    """SHA-256 over the key and each array's name, type, shape and bytes."""
    found = hashlib.sha256(key.encode())
    for name in HELD:
        stored = file[name]
        found.update(f"\n{name} {stored.dtype.str} {stored.shape}\n".encode())
        rows = max(1, BLOCK_BYTES * len(stored) // max(1, stored.nbytes))
        for start in range(0, len(stored), rows):
            found.update(stored[start : start + rows].tobytes())
    return found.hexdigest()
