"""The tensors of a safetensors file that was read whole: no memory map, which a cut would end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fpt_plugins.errors import IntegrityError

if TYPE_CHECKING:
    from torch import Tensor

BESIDE = 1 << 24
"""Bytes more than are needed: so a small file of another arm is read, and refused by its tensors' names."""

OF_EACH = 512
"""Bytes of a header for a tensor's type, shape and place, and for what an optimizer adds to its name."""

WIDEST_NUMBER = 8
"""Bytes."""


def most_bytes(tensors: Mapping[str, Tensor]) -> int:
    """Bytes of the largest file that can hold tensors of these names and shapes."""
    header = sum(OF_EACH + len(name.encode()) for name in tensors)
    return BESIDE + header + WIDEST_NUMBER * sum(tensor.numel() for tensor in tensors.values())


def read_tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors of a file's bytes, by name.

    Args:
        content: All of them.
        path: The file, for the message.

    Raises:
        IntegrityError: They are no safetensors, or of a type that torch has not.
    """
    import safetensors.torch

    damage = (safetensors.SafetensorError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError)
    try:
        return dict(safetensors.torch.load(content))
    except damage as error:
        raise IntegrityError(
            f"{path} is no whole safetensors file: {error}", "get it again; nothing else is read as weights"
        ) from error
