"""What a task's pictures look like, and how they are cut into tokens."""

from __future__ import annotations

import attrs
from attrs.validators import ge, in_


@attrs.frozen(kw_only=True)
class PictureLayout:
    """Square pictures, cut into square patches; a pixel ``x`` becomes ``(x / white - mean) / deviation``.

    Args:
        side: Pixels per side.
        channels: 1 for grey, 3 for red, green and blue.
        patch: Pixels per side of a patch; it divides ``side``.
        mean: Of each channel, on the scale from 0 to 1.
        deviation: Likewise.
        white: The largest value of a pixel.
        border: How many of the pixels on each side are a black border around the published picture.

    Example:
        >>> layout = PictureLayout(side=32, channels=1, patch=4, mean=(0.0,), deviation=(1.0,))
        >>> layout.tokens, layout.width
        (64, 16)
    """

    side: int = attrs.field(validator=ge(1))
    channels: int = attrs.field(validator=in_((1, 3)))
    patch: int = attrs.field(validator=ge(1))
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    white: int = 255
    border: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a sample."""
        return (self.side, self.side, self.channels)

    @property
    def inner(self) -> int:
        """Pixels per side within the border."""
        return self.side - 2 * self.border

    @property
    def tokens(self) -> int:
        """Patches per picture."""
        return (self.side // self.patch) ** 2

    @property
    def width(self) -> int:
        """Numbers per patch."""
        return self.patch**2 * self.channels
