"""Pictures of other shapes and scales to a task's own: grey or color, with or without border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_plugins import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from fpt_images.layout import PictureLayout

_FORM = 'write the rows as lists of numbers, or of [red, green, blue], or as {"pixels": rows}'


def grey(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of ITU-R BT.601 in whole numbers, as Pillow's ``convert("L")``: ``[..., 3]`` to ``[..., 1]``."""
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # .299, .587 and .114 of 65536
    return ((pictures @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]


def bordered(pictures: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
    """Pictures ``[..., H, W, C]`` within a black border."""
    ends = [(0, 0)] * (pictures.ndim - 3) + [(border, border), (border, border), (0, 0)]
    return np.pad(pictures, ends) if border else pictures


def from_image(image: Image, layout: PictureLayout) -> NDArray[np.uint8]:
    """A picture of any size: cut to its middle square, each new pixel the mean of those that it covers.

    So were the digits made from their scans (E. Alpaydin and C. Kaynak, Optical Recognition of
    Handwritten Digits), and so a picture that was enlarged comes back as it was.
    """
    from PIL import Image, ImageOps

    whole = image.convert("L" if layout.channels == 1 else "RGB")
    fitted = ImageOps.fit(whole, (layout.inner, layout.inner), Image.Resampling.BOX)
    pixels = np.array(fitted).reshape(layout.inner, layout.inner, layout.channels)
    if layout.white != 255:
        pixels = np.rint(pixels * (layout.white / 255)).astype(np.uint8)
    return bordered(pixels, layout.border)


def from_json(value: Any, layout: PictureLayout) -> NDArray[np.uint8]:
    """A picture from nested lists ``[H][W]`` or ``[H][W][C]``, or from ``{"pixels": lists}``.

    Args:
        value: What was read as JSON: whole numbers from 0 to ``layout.white``.
        layout: What the picture is to look like. A border may be left out; grey becomes color and
            color grey.

    Raises:
        InputError: No such lists, rows of several lengths, another size, or another number.
    """
    pixels = _array(_rows(value))
    if not 0 <= pixels.min() <= pixels.max() <= layout.white:
        found = f"numbers from {pixels.min()} to {pixels.max()}"
        raise InputError(f"{found}, where a pixel is 0 to {layout.white}")
    side = len(pixels)
    if pixels.shape[:2] not in ((layout.inner, layout.inner), (layout.side, layout.side)):
        found = f"{side} by {pixels.shape[1]} pixels"
        remedy = "fpt predict also takes picture files, and fits those to the size"
        raise InputError(f"{found}, where {layout.inner} by {layout.inner} are expected", remedy)
    fitted = _with_channels(pixels.astype(np.uint8), layout.channels)
    return fitted if side == layout.side else bordered(fitted, layout.border)


def _rows(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() != {"pixels"}:
        raise InputError(f"the sample has the fields {', '.join(map(str, value)) or 'none'}", _FORM)
    return value["pixels"]


def _array(rows: Any) -> NDArray[Any]:
    try:
        pixels = np.asarray(rows)
    except ValueError as error:
        raise InputError("the rows are of several lengths", _FORM) from error
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if (
        pixels.dtype.kind not in "iu"
        or pixels.ndim not in (2, 3)
        or channels not in (1, 3)
        or not pixels.size
    ):
        raise InputError(f"{pixels.dtype} of shape {pixels.shape} is not a picture of whole numbers", _FORM)
    return pixels.reshape(*pixels.shape[:2], channels)


def _with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if pixels.shape[2] == channels:
        return pixels
    return grey(pixels) if channels == 1 else np.repeat(pixels, 3, axis=2)
