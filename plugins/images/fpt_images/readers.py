"""The pictures of MNIST, CIFAR-10 and the digits, as their files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fpt_images.cifar_batches import read_batch
from fpt_images.idx import LABELS, PICTURES, read_idx
from fpt_images.labeled import LabeledPictures
from fpt_images.published import cifar10_files, mnist_file
from fpt_images.samples import bordered, grey
from fpt_plugins import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from fpt_images.layout import PictureLayout
    from fpt_plugins import SplitName


def read_mnist(folder: Path, part: SplitName, layout: PictureLayout) -> LabeledPictures:
    """MNIST's training or test pictures, in their border.

    Raises:
        InputError: A file that is missing or damaged, holds pictures of another size or a class
            that is no digit, or as many pictures as the other holds no classes.
    """
    prefix = "train" if part == "train" else "t10k"
    paths = [mnist_file(folder, f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
    pictures, labels = read_idx(paths[0], PICTURES), read_idx(paths[1], LABELS)
    if pictures.shape[1:] != (28, 28) or not len(pictures):
        sizes = " x ".join(map(str, pictures.shape))
        raise InputError(f"{sizes} pixels, where MNIST's pictures are N x 28 x 28", where=str(paths[0]))
    if len(labels) != len(pictures):
        found = f"{len(labels):,} classes for the {len(pictures):,} pictures of {paths[0].name}"
        raise InputError(found, where=str(paths[1]))
    wrong = np.flatnonzero(labels > 9)
    if len(wrong):
        where = f"{paths[1]}, record {wrong[0]}"
        raise InputError(f"the class {labels[wrong[0]]}, where there are 0 to 9", where=where)
    return LabeledPictures(bordered(pictures[..., None], layout.border), labels.astype(np.int64))


def read_cifar10(folder: Path, part: SplitName, layout: PictureLayout) -> LabeledPictures:
    """CIFAR-10's training or test pictures, in color or grey.

    Raises:
        InputError: A file that is missing or damaged, or a class that is none of the ten.
    """
    *training, test = cifar10_files(folder)
    batches = [read_batch(path) for path in (training if part == "train" else [test])]
    pictures = [grey(each.pictures) if layout.channels == 1 else each.pictures for each in batches]
    return LabeledPictures(np.concatenate(pictures), np.concatenate([each.labels for each in batches]))


def read_digits() -> LabeledPictures:
    """The 1,797 digits that scikit-learn carries: 8 by 8 pixels of 17 shades."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return LabeledPictures(digits.images.astype(np.uint8)[..., None], digits.target.astype(np.int64))
