"""SHA-256 over tensors and files: how a body, an adapter and a file are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SAFETENSORS_NAMES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}
"""How the safetensors format writes each type, so that a digest can be had from a file alone."""


def tensor_bytes(tensor: Tensor) -> memoryview:
    """The elements in row-major order, as the safetensors format stores them."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 of one tensor's type, shape and bytes."""
    return digest({"": tensor})


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over named tensors, sorted by name: a line ``NAME TYPE SHAPE``, then the bytes, each.

    ``examples/source_digest.py`` computes the same from a safetensors file without this package.

    Example:
        >>> import torch
        >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.zeros(3)})
        False
    """
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {SAFETENSORS_NAMES[str(tensor.dtype)]} {list(tensor.shape)}\n".encode())
        found.update(tensor_bytes(tensor))
    return found.hexdigest()


def source_digest(tensors: Mapping[str, Tensor]) -> str:
    """What a backbone calls its ``source_digest``: :func:`digest` of all that it loaded or drew.

    Args:
        tensors: By name, as they were before anything trained.

    Returns:
        64 digits from 0 to f; adapters are matched to bodies by it.
    """
    return digest(tensors)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
