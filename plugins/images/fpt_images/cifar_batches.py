"""CIFAR-10's batches in both published forms (A. Krizhevsky, the CIFAR-10 data set's page).

A picture is 3,072 bytes: 1,024 of red, then of green, then of blue, each row by row. In the binary
form each comes after one byte that is its class; the pickled form is a dictionary of all pictures
(``data``) and all classes (``labels``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_images.labeled import LabeledPictures
from fpt_plugins import InputError, unpickle_plain_values

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE_LIMIT = 2**28
"""The largest file; a published batch holds 31 MB."""

_CLASSES = 10
_PICTURE = 3 * 32 * 32
_RECORD = 1 + _PICTURE


def read_batch(path: Path) -> LabeledPictures:
    """One batch, binary where its name ends in ``.bin``, pickled where it does not.

    Returns:
        Pictures ``[N, 32, 32, 3]``.

    Raises:
        InputError: A file that is damaged or of another form, or a class that is none of the ten,
            with the record where it stands.
    """
    data = _read(path)
    pixels, labels = _binary(data, path) if path.suffix == ".bin" else _pickled(data, path)
    wrong = np.flatnonzero((labels < 0) | (labels >= _CLASSES))
    if len(wrong):
        where = f"{path}, record {wrong[0]}"
        raise InputError(f"the class {labels[wrong[0]]}, where there are 0 to {_CLASSES - 1}", where=where)
    pictures = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return LabeledPictures(np.ascontiguousarray(pictures), labels.astype(np.int64))


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InputError("it is no ordinary file", where=str(path))
        if path.stat().st_size > SIZE_LIMIT:
            raise InputError(
                f"{path.stat().st_size:,} bytes, where a batch holds 31 million", where=str(path)
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def _binary(data: bytes, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if not data or len(data) % _RECORD:
        found = f"{len(data):,} bytes are not a whole number of records of {_RECORD:,}"
        raise InputError(f"{found}: {len(data) % _RECORD:,} are left over", "get it again", where=str(path))
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, _RECORD)
    return records[:, 1:], records[:, 0]


def _pickled(data: bytes, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = unpickle_plain_values(data, where=str(path))
    pixels, labels = (_field(batch, name, path) for name in ("data", "labels"))
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (_PICTURE,):
        found = f"{getattr(pixels, 'dtype', type(pixels).__name__)} of shape {np.shape(pixels)}"
        raise InputError(f"data is {found}, not uint8 of shape (N, {_PICTURE})", where=str(path))
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise InputError("labels is not a list of whole numbers", where=str(path))
    if not 0 < len(labels) == len(pixels):
        raise InputError(f"{len(pixels):,} pictures and {len(labels):,} classes", where=str(path))
    return pixels, np.array(labels)


def _field(batch: Any, name: str, path: Path) -> Any:
    if not isinstance(batch, dict) or name.encode() not in batch:
        raise InputError(f"the pickle is no dictionary with {name!r}", where=str(path))
    return batch[name.encode()]
