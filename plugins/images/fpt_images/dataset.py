"""A split as PyTorch reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from fpt_images.augmentation import augmented

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_images.labeled import LabeledPictures


class PictureDataset(Dataset[tuple["NDArray[np.uint8]", int]]):
    """Pictures ``[H, W, C]`` (uint8, a copy at each read) and the places of their classes.

    Args:
        labeled: The split.
        augment: Whether each read draws another variant of the picture, from torch's generator.
    """

    def __init__(self, labeled: LabeledPictures, *, augment: bool = False) -> None:
        self._labeled, self._augment = labeled, augment

    def __len__(self) -> int:
        return len(self._labeled)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        picture = self._labeled.pictures[index]
        return augmented(picture) if self._augment else picture.copy(), int(self._labeled.labels[index])
