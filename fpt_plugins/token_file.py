"""A tokenized split as one HDF5 file: written whole or not at all, checked when it is opened.

Read a few samples at a time, so that it may be larger than memory; through ordinary reads and not a
memory map, which would end the process where a file is cut off under it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fpt_plugins.array_file import open_arrays, open_sealed, seal
from fpt_plugins.open_file import OpenFile
from fpt_plugins.tokens import HELD, HeldTokens

if TYPE_CHECKING:
    import h5py

CHUNK_BYTES = 1 << 16
"""HDF5 stores and checks this much as one piece; a sample is read with the pieces that it touches."""


class StoredTokens:
    """The tokens of a file that was checked, whatever has its name by now. Each process opens it for itself.

    Args:
        checked: The file.
    """

    def __init__(self, checked: OpenFile) -> None:
        self._checked, self._process = checked, 0
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
            self._file, self._process = open_arrays(self._checked), os.getpid()
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
        seal(whole, key)
        whole.replace(path)


def open_tokens(path: Path, key: str) -> StoredTokens:
    """The tokens of a file, every byte of them checked.

    Raises:
        FileNotFoundError: There is none.
        IntegrityError: It is damaged, cut off, of another key, or reaches out of itself.
    """
    return StoredTokens(open_sealed(path, key, HELD))


def _append(file: h5py.File, name: str, part: Any) -> None:
    if name not in file:
        rows = max(1, CHUNK_BYTES // max(1, part.itemsize * math.prod(part.shape[1:])))
        shapes = {"maxshape": (None, *part.shape[1:]), "chunks": (rows, *part.shape[1:])}
        file.create_dataset(name, data=part, fletcher32=True, **shapes)
        return
    stored = file[name]
    stored.resize(len(stored) + len(part), axis=0)
    stored[-len(part) :] = part
