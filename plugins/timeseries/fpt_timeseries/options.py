"""Options that both tasks have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
from attrs.validators import in_

Missing: TypeAlias = Literal["refuse", "interpolate"]


def missing_option(default: Missing) -> Any:
    """What is done about missing values."""
    return attrs.field(
        default=default,
        validator=in_(("refuse", "interpolate")),
        metadata={"help": "missing values: refuse, or fill by the line between the values around them"},
    )


def path_option(what: str) -> Any:
    """A file of the user's, by its whole path, so that an adapter means the same file elsewhere."""
    return attrs.field(
        default=None, converter=attrs.converters.optional(_absolute), metadata={"help": what}
    )


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()
