"""The ways in which a file is made to harm that all formats share."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[Path], Any]
"""Changes the whole files of a folder into hostile ones."""

DEEP = b"[" * 100_000
GIGABYTE = 1 << 30
TERABYTE = 1 << 40


class Execute:
    """A pickle of it runs a command where it is read by ``pickle``."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/fpt-plugins-was-attacked",)


def _sparse(path: Path, size: int, start: bytes = b"") -> None:
    """A file that says it is so large, and takes no room."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def written(name: str, content: bytes) -> Make:
    """Other bytes in the place of a file's."""

    def make(folder: Path) -> None:
        next(folder.rglob(name)).write_bytes(content)

    return make


def grown(name: str, size: int, start: bytes = b"") -> Make:
    """A file of so many bytes, of which most are not there."""
    return lambda folder: _sparse(next(folder.rglob(name)), size, start)


def linked(name: str, target: str) -> Make:
    """A link in the place of a file."""

    def make(folder: Path) -> None:
        path = next(folder.rglob(name))
        path.unlink()
        path.symlink_to(target)

    return make


def pipe(name: str) -> Make:
    """A named pipe in the place of a file: who opens it waits for ever."""

    def make(folder: Path) -> None:
        path = next(folder.rglob(name))
        path.unlink()
        os.mkfifo(path)

    return make


CODE = pickle.dumps(Execute())
