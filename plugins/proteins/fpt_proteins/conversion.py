"""TAPE's files converted once to HDF5, which is read in a moment and holds no pickle.

The conversion lies beside the file that it was made from, with that file's SHA-256 in its name: a
file that changes is converted again. It is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins import InputError, track
from fpt_proteins.proteins import Protein

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ("identifier", "sequence", "label")


def converted(source: Path, place: Path, read: Callable[[Path], Iterable[Protein]]) -> list[Protein]:
    """The proteins of a file: from its conversion if there is a sound one, else read and converted.

    Args:
        source: The file whose bytes count.
        place: What ``read`` takes, and what the conversion is laid beside: the file or its folder.
        read: Its reader.

    Raises:
        InputError: The file cannot be read, or what its reader refuses.
    """
    try:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from error
    conversion = place.with_name(f"{place.name}.{digest[:16]}.h5")
    with suppress(OSError, KeyError, ValueError):  # none yet, or a damaged one: made anew
        return _read(conversion)
    proteins = list(track(read(place), f"converting {place.name}"))
    with suppress(OSError):  # a folder that cannot be written to costs the time again, and no more
        _write(conversion, proteins)
    return proteins


def _write(path: Path, proteins: list[Protein]) -> None:
    import h5py
    import numpy as np

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with h5py.File(unfinished, "w") as file:
            for name in COLUMNS:
                values = np.array([getattr(protein, name).encode() for protein in proteins])
                file.create_dataset(name, data=values, compression="gzip")  # checked by Adler-32
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _read(path: Path) -> list[Protein]:
    import h5py

    with h5py.File(path, "r") as file:
        columns = [_column(file, name) for name in COLUMNS]
    return [Protein(*(value.decode() for value in row)) for row in zip(*columns, strict=True)]


def _column(file: Any, name: str) -> NDArray[Any]:
    """A column that is in this very file: a link could name any other."""
    import h5py

    if type(file.get(name, getlink=True)) is not h5py.HardLink:
        raise KeyError(name)
    dataset = file[name]
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.external
        or dataset.is_virtual
        or dataset.dtype.kind != "S"
    ):
        raise ValueError(name)
    column: NDArray[Any] = dataset[:]
    return column
