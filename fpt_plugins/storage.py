"""Files that appear whole or not at all, and say when they are damaged.

A folder is written under a temporary name beside its place, forced to disk, and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from fpt_plugins.errors import FptError, IntegrityError
from fpt_plugins.plain_files import MOST_BYTES, read_bounded

MANIFEST, LOCK = "manifest.json", ".lock"
_TEMPORARY = ".writing-"


def json_bytes(value: Any) -> bytes:
    """JSON as we write it: sorted keys, two spaces, a newline at the end."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sealed(value: Mapping[str, Any]) -> bytes:
    """A JSON object that carries the SHA-256 of its own content under ``"sha256"``."""
    content = {key: item for key, item in value.items() if key != "sha256"}
    return json_bytes({**content, "sha256": hashlib.sha256(json_bytes(content)).hexdigest()})


def read_sealed(path: Path) -> dict[str, Any]:
    """The reverse of :func:`sealed`, without the digest.

    Raises:
        IntegrityError: The file is missing, is no such JSON, or is not what was written.
    """
    try:
        written = read_bounded(path)
        value: dict[str, Any] = json.loads(written)
        whole = written == sealed(value)  # byte for byte: 1e-05 and 1E-05 are one number
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise IntegrityError(f"{path} is damaged: it is not the JSON that was written") from error
    if not whole:
        raise IntegrityError(f"{path} is damaged or was edited: its content is not what its digest says")
    return {key: item for key, item in value.items() if key != "sha256"}


def write_file(path: Path, content: bytes) -> None:
    """Puts a file in its place in one step; a crash leaves the old one."""
    temporary = temporary_name(path)
    try:
        _write_through(temporary, content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files and, last, a manifest with the SHA-256 of each."""
    manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, MANIFEST: sealed({"files": manifest})}


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Puts a folder of files in its place in one step. ``path`` must not exist, its parent may not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    shutil.rmtree(temporary, ignore_errors=True)  # left by a dead writer that had our process number
    try:
        temporary.mkdir()
        for name, content in files.items():
            _write_through(temporary / name, content)
        _sync_folder(temporary)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def read_folder(path: Path, most: int = MOST_BYTES) -> dict[str, bytes]:
    """The files of a folder, each checked against the manifest.

    Args:
        path: The folder.
        most: Bytes of the largest file that is read.

    Raises:
        IntegrityError: A file is missing, damaged, or named outside the folder; it is named.
    """
    listed = read_sealed(path / MANIFEST).get("files")
    if not isinstance(listed, dict):
        raise IntegrityError(f"{path / MANIFEST} lists no files")
    for name in listed:
        if Path(name).name != name:
            raise IntegrityError(f"{path / MANIFEST} lists {name!r}, which is no file of this folder")
    return {name: _read_checked(path / name, sha256, most) for name, sha256 in sorted(listed.items())}


def temporary_name(path: Path) -> Path:
    """The name beside ``path`` that this process writes under; :func:`sweep` knows it afterwards."""
    return path.with_name(f"{_TEMPORARY}{path.name}-{os.getpid()}")


def sweep(folder: Path) -> None:
    """Removes what writers that died have left behind in a folder."""
    for orphan in folder.glob(f"{_TEMPORARY}*"):
        if orphan.is_dir():
            shutil.rmtree(orphan, ignore_errors=True)
        else:
            orphan.unlink(missing_ok=True)


def _read_checked(path: Path, sha256: str, most: int) -> bytes:
    try:
        content = read_bounded(path, most)
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise IntegrityError(f"{path} is damaged: its SHA-256 is not the manifest's")
    return content


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keeps a second process out of a folder while this one works in it.

    Raises:
        FptError: Another process works in it.
    """
    try:
        held = filelock.FileLock(folder / LOCK, blocking=False).acquire()
    except filelock.Timeout as error:
        raise FptError(f"another process works in {folder}", "wait for it, or take another folder") from error
    with held:
        yield
