"""The four numbers that make a transformer's shape, as its configuration says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.errors import ConfigurationError

MOST = {"width": 1 << 16, "layers": 1 << 10, "heads": 1 << 10, "positions": 1 << 20}
"""More than any published body has; a larger number is a broken file."""


@attrs.frozen(kw_only=True)
class Shape:
    """A transformer's shape.

    Args:
        width: ``D``, the size of a hidden state.
        layers: Blocks in the file, whatever part of them is used.
        heads: Attention heads.
        positions: Rows of the table of positions, or what a rotary body was trained to; ``None`` without end.
    """

    width: int
    layers: int
    heads: int
    positions: int | None

    @classmethod
    def read(cls, architecture: Architecture, configuration: Mapping[str, Any], owner: str) -> Shape:
        """The shape that ``configuration`` says.

        Raises:
            ConfigurationError: A number is absent or impossible, or the heads do not divide the width.
        """
        keys = {name: getattr(architecture, name) for name in MOST}
        found = {
            name: key and _count(configuration, key, MOST[name], owner) + _uncounted(architecture, name)
            for name, key in keys.items()
        }
        shape = cls(**found)
        if architecture.head_width is None and shape.width % shape.heads:
            raise ConfigurationError(
                f"{owner}: a width of {shape.width} ({architecture.width}) cannot be divided among "
                f"{shape.heads} heads ({architecture.heads})"
            )
        return shape


def _uncounted(architecture: Architecture, name: str) -> int:
    return architecture.library_offset if name == "positions" else 0


def _count(configuration: Mapping[str, Any], key: str, most: int, owner: str) -> int:
    value = configuration.get(key)
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigurationError(f"{owner}: {key} is {value!r}, not a whole number from 1 to {most}")
    return value
