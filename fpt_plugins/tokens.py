"""Tokens and targets of many samples, one after the other, wherever they are held."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELD = ("values", "lengths", "targets")
"""What is held of tokens."""


class Tokens(Protocol):
    """In memory or in a file: what they hold is sliced like an array.

    Values ``[sum(lengths)]`` or ``[sum(lengths), width]``, lengths ``[N]``, and targets ``[N, ...]``,
    or ``[sum(lengths), ...]`` where each token has its own.
    """

    @property
    def values(self) -> Any:
        """Ids or vectors."""
        ...

    @property
    def lengths(self) -> Any:
        """Tokens per sample."""
        ...

    @property
    def targets(self) -> Any:
        """What is to be predicted."""
        ...


@attrs.frozen(eq=False)
class HeldTokens:
    """Tokens in memory."""

    values: NDArray[Any]
    lengths: NDArray[np.int64]
    targets: NDArray[Any]


def joined(parts: Iterable[HeldTokens]) -> HeldTokens:
    """The chunks as one."""
    held = list(parts)
    return HeldTokens(*(np.concatenate([getattr(part, n) for part in held]) for n in HELD))
