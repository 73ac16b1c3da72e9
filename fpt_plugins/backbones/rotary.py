"""Rotary positions: angles that are computed, not a table that could train (Su et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins.errors import ConfigurationError

KEYS = ("rope_parameters", "rope_scaling", "rope_theta")
"""Where ``config.json`` holds the angles, by the version that wrote it."""

SCALINGS = ("default", "linear", "llama3", "yarn")
"""The others (``dynamic``, ``longrope``) change a buffer with the sequences that come: not frozen."""


def check_rotary(configuration: Mapping[str, Any], owner: str) -> None:
    """Refuse angles that depend on the sequences that come.

    Raises:
        ConfigurationError: With the scalings that are built.
    """
    for key in KEYS[:2]:
        found = configuration.get(key) or {}
        if not isinstance(found, Mapping):
            raise ConfigurationError(f"{owner}: {key} is {found!r}, not an object")
        scaling = found.get("rope_type", found.get("type", "default"))
        if scaling not in SCALINGS:
            raise ConfigurationError(
                f"{owner}: rotary positions of type {scaling!r} are not built",
                f"known: {', '.join(SCALINGS)}",
            )
