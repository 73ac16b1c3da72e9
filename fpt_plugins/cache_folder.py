"""What was computed once and is kept in a folder of our own; it may be removed when no run reads it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import attrs

KINDS = ("parsed", "tokens")
"""The folders of the cache: data files as they were read, and splits as they were tokenized."""


@attrs.frozen
class Kept:
    """One file of the cache.

    Args:
        kind: Its folder.
        name: Below it.
        size: In bytes.
    """

    kind: str
    name: str
    size: int


def cache_folder() -> Path:
    """``$FPT_CACHE``, else ``~/.cache/fpt-plugins``."""
    return Path(os.environ.get("FPT_CACHE") or Path.home() / ".cache" / "fpt-plugins")


def kept() -> list[Kept]:
    """Every file of the cache, by kind and name."""
    files = {kind: sorted((cache_folder() / kind).rglob("*.h5")) for kind in KINDS}
    return [
        Kept(kind, str(path.relative_to(cache_folder() / kind)), path.stat().st_size)
        for kind, paths in files.items()
        for path in paths
    ]


def clear() -> int:
    """Removes every file of the cache, and returns how many bytes they had."""
    size = sum(file.size for file in kept())
    for kind in KINDS:
        shutil.rmtree(cache_folder() / kind, ignore_errors=True)
    return size
