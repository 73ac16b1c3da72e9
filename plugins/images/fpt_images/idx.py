"""IDX files, in which MNIST is published, plain or gzipped.

Big-endian: two zero bytes, the type (8 is uint8), the number of dimensions, a 32-bit size for each,
then the numbers in row-major order (Y. LeCun, C. Cortes and C. Burges, the MNIST database).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fpt_plugins import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE_LIMIT = 2**30
"""The most numbers of a file; MNIST's largest holds 47,040,000."""
PICTURES, LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"

_GZIP = b"\x1f\x8b"
_CHUNK = 2**20


def read_idx(path: Path, magic: bytes) -> NDArray[np.uint8]:
    """The array of an IDX file.

    Args:
        path: The file.
        magic: Its first four bytes: ``PICTURES`` (three dimensions) or ``LABELS`` (one).

    Raises:
        InputError: Another magic number, a length that the header's sizes do not give, or a file
            that cannot be read. No memory is taken for more than the file holds.
    """
    try:
        with path.open("rb") as raw:
            if not is_gzip(raw):
                return _array(raw, magic, path)
            with gzip.GzipFile(fileobj=raw) as unzipped:
                return _array(unzipped, magic, path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"the file cannot be read: {error}", "get it again", where=str(path)) from error


def is_idx(path: Path) -> bool:
    """Whether a file starts as IDX pictures do, plain or gzipped."""
    try:
        with path.open("rb") as raw:
            return (gzip.GzipFile(fileobj=raw).read(4) if is_gzip(raw) else raw.read(4)) == PICTURES
    except (OSError, EOFError, zlib.error):
        return False


def is_gzip(raw: BinaryIO) -> bool:
    """Whether gzip's two bytes come next."""
    start = raw.read(2)
    raw.seek(-len(start), 1)
    return start == _GZIP


def _array(file: BinaryIO | gzip.GzipFile, magic: bytes, path: Path) -> NDArray[np.uint8]:
    header = file.read(4 + 4 * magic[3])
    if header[:4] != magic:
        expected = f"where these IDX files start with {magic.hex()}"
        raise InputError(f"the file starts with {header[:4].hex() or 'nothing'}, {expected}", where=str(path))
    if len(header) < 4 + 4 * magic[3]:
        raise InputError(f"the file ends after {len(header)} bytes of its header", where=str(path))
    shape = struct.unpack(f">{magic[3]}I", header[4:])
    expected, sizes = math.prod(shape), " x ".join(map(str, shape))
    if expected > SIZE_LIMIT:
        raise InputError(f"its sizes {sizes} give {expected:,} bytes, beyond our limit", where=str(path))
    if not 0 < math.prod(shape[1:]) <= SIZE_LIMIT:  # of such, 16 bytes could be four billion or none
        raise InputError(f"its sizes {sizes} give pictures of no size or beyond our limit", where=str(path))
    numbers = _read_up_to(expected + 1, file)
    if len(numbers) != expected:
        found = f"{len(numbers):,}" if len(numbers) < expected else f"more than {expected:,}"
        message = f"{found} bytes follow the header, where its sizes {sizes} give {expected:,}"
        raise InputError(message, "get it again", where=str(path))
    return np.frombuffer(numbers, dtype=np.uint8).reshape(shape)


def _read_up_to(size: int, file: BinaryIO | gzip.GzipFile) -> bytearray:
    numbers = bytearray()
    while len(numbers) < size and (chunk := file.read(min(_CHUNK, size - len(numbers)))):
        numbers += chunk
    return numbers
