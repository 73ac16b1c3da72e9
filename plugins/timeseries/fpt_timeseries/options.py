"""What the options of both tasks share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

Missing: TypeAlias = Literal["refuse", "interpolate"]

MISSING_HELP = {"help": "missing values: refuse, or fill by the line between the values around them"}


def whole_path(path: str | Path | None) -> Path | None:
    """A file of the user's by its whole path, so that an adapter means the same file from elsewhere."""
    return None if path is None else Path(path).expanduser().absolute()
