"""Where text comes from: the user's files, or what Python's standard library carries."""

from __future__ import annotations

import pydoc_data
from pathlib import Path

from fpt_plugins import InputError

MOST_BYTES = 1 << 30
"""The most text that is read; all of it is held in memory."""


def language_reference() -> list[bytes]:
    """Python's language reference: the topics of ``help()``, 79 of 466 KB together in Python 3.11.7.

    They are data of the standard library (``pydoc_data.topics``, under the license of Python) and
    differ a little from version to version.

    Raises:
        InputError: This Python was installed without them.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InputError(
            "this Python lacks its pydoc_data.topics", "give text of your own: --option path=PATH"
        ) from error
    return [text.encode() for _, text in sorted(topics.items())]


def reference_file() -> Path:
    """Where this Python has the language reference."""
    return Path(pydoc_data.__file__).parent / "topics.py"


def text_files(path: Path, pattern: str) -> list[Path]:
    """The file, or every file below the folder that ``pattern`` names, in the order of their names."""
    return sorted(file for file in path.rglob(pattern) if file.is_file()) if path.is_dir() else [path]


def read_documents(path: Path, pattern: str) -> list[bytes]:
    """The text of a file, or of every file below a folder, in the order of their names.

    Args:
        path: The file or folder.
        pattern: Which names count in a folder: ``*.txt``.

    Raises:
        InputError: There is no such file, none in the folder, an empty or a binary one, or more text
            than is read.
    """
    files = text_files(path, pattern)
    if not files:
        raise InputError(f"no file named {pattern}", "say which: --option pattern=*.md", where=str(path))
    size = sum(file.stat().st_size for file in files if file.is_file())
    if size > MOST_BYTES:
        raise InputError(f"{size:,} bytes of text, where {MOST_BYTES:,} are read", where=str(path))
    return [read_text(file) for file in files]


def read_text(path: Path) -> bytes:
    """The bytes of one text file, in whatever encoding has no zero byte.

    Raises:
        InputError: It cannot be read, is empty or is no text.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError("it is no ordinary file", where=str(path))
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InputError(f"{size:,} bytes of text, where {MOST_BYTES:,} are read", where=str(path))
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if not text:
        raise InputError("the file is empty", where=str(path))
    if (place := text.find(0)) >= 0:
        raise InputError(
            "a zero byte: this is a binary file, or text in UTF-16",
            "save it as UTF-8",
            where=f"{path}, byte {place}",
        )
    return text
