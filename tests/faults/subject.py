"""What is attacked: files, and the reader that is given them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs


def _none(_folder: Path) -> None:
    """Nothing to seal: the files carry no digest."""


def _nowhere(_folder: Path) -> Sequence[Path]:
    return ()


@attrs.frozen(kw_only=True)
class Subject:
    """Files of one kind.

    Args:
        name: Unique.
        make: Writes whole ones into an empty folder.
        read: Reads them; what it returns tells by its ``repr`` all that was read.
        sealed: Whether a digest guards the content.
        files: Patterns of those that are damaged.
        reseal: Gives changed files the digests that their reader asks for, as a stranger's would have.
        python_path: Folders that the reading process finds packages in before others.
        share: Of the attacks on all subjects, relative to the others.
    """

    name: str
    make: Callable[[Path], Any]
    read: Callable[[Path], Any]
    sealed: bool = False
    files: tuple[str, ...] = ("*",)
    reseal: Callable[[Path], Any] = _none
    python_path: Callable[[Path], Sequence[Path]] = _nowhere
    share: float = 1.0

    def damaged_files(self, folder: Path) -> list[Path]:
        """The files that are damaged, by name."""
        found = {path for pattern in self.files for path in folder.rglob(pattern) if path.is_file()}
        return sorted(found)

    def content(self, folder: Path) -> str:
        """SHA-256 of what the reader makes of the files."""
        return hashlib.sha256(repr(self.read(folder)).encode()).hexdigest()
