"""Pictures to tokens: patches row by row, and within a patch its pixels row by row.

``B`` pictures of height ``H`` and width ``W`` with ``C`` channels; ``h`` by ``w`` patches of ``p`` by ``p``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_plugins import InputError, Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_images.layout import PictureLayout


def tokenize(samples: Sequence[Any], layout: PictureLayout) -> Sequences:
    """Each sample as ``layout.tokens`` vectors of ``layout.width`` numbers.

    The order is the reference code's, ``b c (h p1) (w p2) -> b (h w) (p1 p2 c)`` in einops' words
    (kzl/universal-computation at 23b80fd1).

    Args:
        samples: Pictures ``[H, W, C]`` of type uint8.
        layout: What they look like.

    Raises:
        InputError: A sample of another shape or type, with its index.
    """
    for index, sample in enumerate(samples):
        _check(sample, layout, index)
    pictures = np.stack(samples) if len(samples) else np.zeros((0, *layout.shape), dtype=np.uint8)
    lengths = np.full(len(pictures), layout.tokens, dtype=np.int64)
    return Sequences(_cut(_scaled(pictures, layout), layout), lengths)


def _check(sample: Any, layout: PictureLayout, index: int) -> None:
    if not isinstance(sample, np.ndarray) or sample.shape != layout.shape or sample.dtype != np.uint8:
        found = f"{getattr(sample, 'dtype', type(sample).__name__)} of shape {np.shape(sample)}"
        raise InputError(
            f"{found}, where a picture is uint8 of shape {layout.shape}", where=f"sample {index}"
        )


def _scaled(pictures: NDArray[np.uint8], layout: PictureLayout) -> NDArray[np.float32]:
    mean, deviation = (np.array(values, dtype=np.float32) for values in (layout.mean, layout.deviation))
    return np.asarray((pictures.astype(np.float32) / layout.white - mean) / deviation, dtype=np.float32)


def _cut(pictures: NDArray[np.float32], layout: PictureLayout) -> NDArray[np.float32]:
    across, patch = layout.side // layout.patch, layout.patch
    blocks = pictures.reshape(-1, across, patch, across, patch, layout.channels)  # [B, h, p, w, p, C]
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(-1, layout.width)  # [B * h * w, p * p * C]
