"""The formats of our files are numbered; what a newer version wrote is refused, and not guessed at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fpt_plugins
from fpt_plugins.errors import IntegrityError

STAMP = ("format", "fpt_plugins")
"""The keys that :func:`stamped` adds."""


def stamped(value: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A file's content with the number of its format and the version that writes it."""
    return {**value, "format": number, "fpt_plugins": fpt_plugins.__version__}


def check_format(path: Path, value: Mapping[str, Any], number: int) -> None:
    """Refuses a file of another format than the one that is read here; one without a number is of the first.

    Args:
        path: Of the file or its folder, for the message.
        value: Its content, as :func:`stamped` made it.
        number: The format that is read.

    Raises:
        IntegrityError: It is of another; with the version that wrote it.
    """
    found = value.get("format", 1)
    if found != number:
        raise IntegrityError(
            f"{path} is of format {found}, written by fpt-plugins {value.get('fpt_plugins')}; "
            f"this is {fpt_plugins.__version__} and reads format {number}",
            "upgrade fpt-plugins" if _is_later(found, number) else "read it with the version that wrote it",
        )


def _is_later(found: Any, number: int) -> bool:
    return isinstance(found, int) and found > number
