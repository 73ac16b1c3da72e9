"""The paper's augmentation of CIFAR-10."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEGREES = 20.0


def augmented(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Another variant of a picture: shifted, mirrored or not, and turned; black where it was empty.

    At 32 pixels it is the reference code's ``RandomCrop(32, padding=4)``, ``RandomHorizontalFlip()``
    and ``RandomRotation(20)``, draw for draw from torch's global generator as torchvision makes
    them. At another size the padding is an eighth of it too.

    Args:
        picture: ``[H, W, C]``.

    Returns:
        A new array of the same shape.
    """
    import torch

    side, margin = len(picture), len(picture) // 8
    top, left = (int(torch.randint(0, 2 * margin + 1, (1,))) for _ in range(2))
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
    shifted = padded[top : top + side, left : left + side]
    mirrored = shifted[:, ::-1] if torch.rand(1) < 1 / 2 else shifted
    return _turned(mirrored, degrees=float(torch.empty(1).uniform_(-DEGREES, DEGREES)))


def _turned(picture: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture))
    return np.array(image.rotate(degrees)).reshape(picture.shape)
