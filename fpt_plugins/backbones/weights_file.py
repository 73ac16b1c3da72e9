"""The tensors of a safetensors file, one at a time and by ordinary reads.

The library's own reader maps a file to read its header, even with ``backend="pread"`` (0.8.0, seen with
strace): who cuts the file off in that moment ends the process. Here it is a read that comes back short.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor

from fpt_plugins.digest import SAFETENSORS_NAMES
from fpt_plugins.errors import IntegrityError
from fpt_plugins.plain_files import parse_json

MOST_HEADER = 1 << 23
"""Bytes of names, types, shapes and places, 8 MB: those of fifty thousand tensors."""

MOST_AXES = 64
"""Of a tensor; torch has no more."""

_LENGTH = struct.Struct("<Q")  # of the header, which stands first: huggingface.co/docs/safetensors
_TYPES = {name: getattr(torch, own.removeprefix("torch.")) for own, name in SAFETENSORS_NAMES.items()}


@attrs.frozen(eq=False)
class StoredTensor:
    """A tensor in a file that is open, where nothing of it has been read.

    Args:
        name: In the file.
        type: As the format writes it: ``"F32"``.
        shape: Elements along each axis.
        start: Its first byte in the file.
        end: The byte after its last.
        file: It is read from.
        path: Of the file, for messages.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    start: int
    end: int
    file: BufferedReader
    path: Path

    def read(self) -> Tensor:
        """The tensor, in memory of its own.

        Raises:
            IntegrityError: The file has been cut off since, cannot be read, or the type is none of torch's.
        """
        if self.type not in _TYPES:
            raise IntegrityError(f"{self.path}: {self.name} is of type {self.type}, which is not read")
        content = torch.empty(self.end - self.start, dtype=torch.uint8)
        try:
            self.file.seek(self.start)
            count = self.file.readinto(content.numpy().data)
        except OSError as error:
            raise IntegrityError(f"{self.path} cannot be read: {error.strerror}") from error
        if count < len(content):
            raise IntegrityError(
                f"{self.path} is no whole safetensors file: {self.name} was cut off while it was read"
            )
        return content.view(_TYPES[self.type]).reshape(self.shape)


@contextmanager
def open_weights(path: Path) -> Iterator[dict[str, StoredTensor]]:
    """The tensors of a file by name, each to be read inside the block.

    Raises:
        IntegrityError: It cannot be read, or its header is not that of a whole safetensors file.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield _checked(file, path)


def _checked(file: BufferedReader, path: Path) -> dict[str, StoredTensor]:
    try:
        size = os.fstat(file.fileno()).st_size
        header, start = _header(file, size)
        tensors = {name: _tensor(name, entry, start, file, path) for name, entry in header.items()}
        _check_places(tensors.values(), start, size)
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise IntegrityError(f"{path} is no whole safetensors file: {error}") from error
    return tensors


def _header(file: BufferedReader, size: int) -> tuple[dict[str, Any], int]:
    """What it says of each tensor, and where the bytes of the first begin."""
    if size < _LENGTH.size:
        raise ValueError(f"it has {size} bytes")
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size).ljust(_LENGTH.size, b"\0"))
    start = _LENGTH.size + length
    if start > size or length > MOST_HEADER:
        raise ValueError(f"its header would have {length:,} bytes")
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")  # noqa: TRY004 # it is what the file holds
    header.pop("__metadata__", None)
    return header, start


def _tensor(name: str, entry: Any, start: int, file: BufferedReader, path: Path) -> StoredTensor:
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [first, after]} if _are_sizes(
            [first, after, *shape]
        ):
            tensor = StoredTensor(name, kind, tuple(shape), start + first, start + after, file, path)
        case _:
            raise ValueError(f"{name} has no type, shape and place of this format")
    bytes_each = _TYPES[kind].itemsize if kind in _TYPES else None
    if after < first or (bytes_each and after - first != bytes_each * math.prod(shape)):
        raise ValueError(f"{name} of type {kind} and shape {shape} does not have {after - first} bytes")
    return tensor


def _are_sizes(values: list[Any]) -> bool:
    return len(values) <= MOST_AXES + 2 and all(type(value) is int and value >= 0 for value in values)


def _check_places(tensors: Iterable[StoredTensor], start: int, size: int) -> None:
    """Refuses tensors that overlap, leave a gap or end anywhere but at the file's end."""
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start != start:
            raise ValueError(
                f"{tensor.name} begins at byte {tensor.start}, the one before it ends at {start}"
            )
        start = tensor.end
    if start != size:
        raise ValueError(f"its tensors end at byte {start}, the file at {size}")
