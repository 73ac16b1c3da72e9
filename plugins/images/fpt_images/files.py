"""The pictures of one of the user's files: a picture file, an IDX file, or a batch of CIFAR-10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fpt_images.cifar_batches import read_batch
from fpt_images.decoding import decode
from fpt_images.idx import PICTURES, is_idx, read_idx
from fpt_images.samples import from_image
from fpt_plugins import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fpt_images.layout import PictureLayout


def read_pictures(path: Path, layout: PictureLayout) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Each picture of a file as ``(identifier, sample)``, fitted to the layout.

    A picture file's identifier is its path; of the others it is ``PATH:RECORD``, from 0.

    Raises:
        InputError: A file of neither kind, or a damaged one.
    """
    if path.exists() and not path.is_file():
        raise InputError("it is no ordinary file", where=str(path))
    if is_idx(path):
        yield from _records(path, read_idx(path, PICTURES), layout)
    elif path.suffix == ".bin":
        yield from _records(path, read_batch(path).pictures, layout)
    else:
        yield str(path), decode(path, layout)


def _records(
    path: Path, pictures: NDArray[np.uint8], layout: PictureLayout
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    from PIL import Image

    for record, picture in enumerate(pictures):
        yield f"{path}:{record}", from_image(Image.fromarray(picture), layout)
