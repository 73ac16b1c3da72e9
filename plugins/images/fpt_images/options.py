"""The options that several tasks have."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import ge


def _divides(task: Any, attribute: attrs.Attribute[int], patch: int) -> None:
    if task.layout.side % patch:
        raise ValueError(f"{attribute.name} {patch} does not divide the {task.layout.side} pixels of a side")


def patch_option(default: int) -> Any:
    """Pixels per side of a patch."""
    help_text = "pixels per side of the square that becomes one token"
    return attrs.field(default=default, validator=[ge(1), _divides], metadata={"help": help_text})


def grayscale_option() -> Any:
    """Whether colors are dropped."""
    return attrs.field(default=False, metadata={"help": "grey pictures: one number per pixel, not three"})


def augment_option() -> Any:
    """Whether training pictures vary."""
    help_text = "shift, mirror and turn the training pictures at random, as the paper's code does"
    return attrs.field(default=False, metadata={"help": help_text})
