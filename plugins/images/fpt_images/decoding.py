"""Picture files through Pillow, with limits on what a file may ask for."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fpt_images.samples import from_image
from fpt_plugins import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from fpt_images.layout import PictureLayout

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is decoded. Pillow reads more, some of it (EPS) by running another program."""
PIXEL_LIMIT = 2**26
"""The largest picture: 67 megapixels, 200 MB when it is decoded."""


def decode(path: Path, layout: PictureLayout) -> NDArray[np.uint8]:
    """A picture file as a sample: turned upright, fitted to the size, grey or color; the first of several.

    Raises:
        InputError: Not a picture, a damaged one, one of more than ``PIXEL_LIMIT`` pixels, or one
            with more than 8 bits per channel.
    """
    from PIL import Image, ImageOps

    # Opened here: of a file that Pillow opens itself it maps plain pixels, and a cut would end the process.
    with _refusing(path), path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
        _check(image, path)
        return from_image(ImageOps.exif_transpose(image), layout)


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow only warns of is checked by us or harmless
            yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"not a picture ({', '.join(FORMATS)})", where=str(path)) from error
    except Image.DecompressionBombError as error:
        raise _too_large(str(error), path) from error
    except Exception as error:  # decoders raise anything on damaged bytes
        raise InputError(f"the picture cannot be read: {error}", where=str(path)) from error


def _check(image: Image, path: Path) -> None:
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise _too_large(f"{width:,} by {height:,} pixels", path)
    if image.mode.startswith(("I", "F")):
        remedy = "convert it: which of its values are black and white is not known here"
        raise InputError(
            f"more than 8 bits per channel (Pillow's mode {image.mode})", remedy, where=str(path)
        )


def _too_large(found: str, path: Path) -> InputError:
    return InputError(f"{found}, where at most {PIXEL_LIMIT:,} pixels are decoded", where=str(path))
