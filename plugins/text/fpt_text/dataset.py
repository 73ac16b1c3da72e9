"""A split as PyTorch reads it: runs of bytes, and the byte that follows each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

Sample: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]


def windows(text: bytes, length: int) -> list[bytes]:
    r"""Text cut into runs of ``length`` bytes and the one that follows; the last may be shorter.

    Each byte but the first is to be predicted once.

    Example:
        >>> windows(b"abcdefg", 3)
        [b'abcd', b'defg']
    """
    return [text[start : start + length + 1] for start in range(0, len(text) - 1, length)]


def unseen(found: Iterable[bytes], elsewhere: Iterable[bytes]) -> list[bytes]:
    """The windows whose input stands neither in other splits nor twice in this one.

    Text that repeats itself within a passage needs this; other text has no such windows.
    """
    inputs = {window[:-1] for window in elsewhere}
    return list({window[:-1]: window for window in found if window[:-1] not in inputs}.values())


class NextBytes(Dataset[Sample]):
    """Bytes ``[T]`` and, for each, the one after it ``[T]``.

    Args:
        windows: ``T + 1`` bytes each.
    """

    def __init__(self, windows: Sequence[bytes]) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: SupportsIndex) -> Sample:
        values = np.frombuffer(self.windows[index], np.uint8)
        return values[:-1].copy(), values[1:].astype(np.int64)
