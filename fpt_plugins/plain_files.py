"""Files that may come from anywhere: ordinary ones alone, and their size is bounded before they are read."""

from __future__ import annotations

import errno
import json
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 26
"""The largest description, 64 MB: a study of ten thousand runs has a third of it."""

DEEPEST = 64
"""Levels of JSON or TOML within one another; what this package writes has six."""


def read_bounded(file: Traversable, most: int = MOST_BYTES) -> bytes:
    """The bytes of an ordinary file: a pipe or a device would be read for ever.

    Args:
        file: Its place; a link is followed.
        most: Bytes that are read; of a larger file none is kept.

    Raises:
        OSError: It is missing, not an ordinary file, or larger.

    Example:
        >>> from pathlib import Path
        >>> read_bounded(Path("/dev/zero"))
        Traceback (most recent call last):
        OSError: [Errno 22] it is no ordinary file
    """
    is_other = not file.is_file() and not file.is_dir() and getattr(file, "exists", lambda: False)()
    if is_other:
        raise OSError(errno.EINVAL, "it is no ordinary file")
    content = b""
    if not isinstance(file, Path) or file.stat().st_size <= most:
        with file.open("rb") as opened:
            content = opened.read(most + 1)
        if len(content) <= most:
            return content
    raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes, the most that such a file has")


def read_toml(file: Traversable) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        OSError: As for :func:`read_bounded`.
        ValueError: It is not TOML, not UTF-8, or deeper than ``DEEPEST`` levels.
    """
    return parse_toml(read_bounded(file))


def parse_toml(content: bytes) -> dict[str, Any]:
    """What TOML says.

    Raises:
        ValueError: As for :func:`read_toml`.
    """
    try:
        found = tomllib.loads(content.decode())
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    check_depth(found)
    return found


def parse_json(content: bytes | str) -> Any:
    """What JSON says.

    Raises:
        ValueError: It is not JSON, not UTF-8, deeper than ``DEEPEST`` levels, has a key twice, or holds a
            number that JSON has not: NaN, Infinity.
    """
    try:
        return check_depth(json.loads(content, object_pairs_hook=_once_each, parse_constant=_refuse_constant))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def check_depth(value: Any) -> Any:
    """The value itself.

    Raises:
        ValueError: It is deeper than ``DEEPEST`` levels.
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return value
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice")
    return found


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")
