"""Data files from their published source: checked against a digest, whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import math
import os
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, NamedTuple

from fpt_plugins.errors import InputError
from fpt_plugins.progress import track

SIZE_LIMIT = 8 * 2**30
"""The most bytes that one download holds, or one archive when it is unpacked."""
ENTRY_LIMIT = 100_000
"""The most entries of an archive: the standard library holds them all in memory."""

_MEBIBYTE = 2**20
_SECONDS_OF_SILENCE = 30.0
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zlib.error, tarfile.TarError, zipfile.BadZipFile)


def download(url: str, destination: Path, *, sha256: str, description: str) -> Path:
    """A published file, fetched to its place in one step.

    Nothing is fetched where ``FPT_OFFLINE=1`` or ``HF_HUB_OFFLINE=1`` is set.

    Args:
        url: Its address; this and every redirection must be HTTPS.
        destination: Where it goes. Its folder is made; a file that is there is replaced.
        sha256: The digest, in hexadecimal, that its bytes must have.
        description: What it is, for the progress bar and the messages: ``"MNIST"``.

    Returns:
        ``destination``.

    Raises:
        InputError: No network, no room, or other bytes than the digest's. Nothing is left behind,
            and one line says which file to put where.

    Example:
        >>> download("https://example.org/digits.gz", Path("data/digits.gz"), sha256="0" * 64,
        ...          description="digits")  # doctest: +SKIP
        PosixPath('data/digits.gz')
    """
    remedy = f"put {url} (SHA-256 {sha256}) at {destination}"
    try:
        _refuse_where_forbidden(url)
        with _open(url) as response, _appears_whole(destination) as file:
            found = _copy(response, file, description)
            if found != sha256.lower():
                raise InputError(f"what {url} sends is not {description}: its SHA-256 is {found}", remedy)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(f"{description} cannot be downloaded: {_reason(error)}", remedy) from error
    return destination


def extract(archive: Path, destination: Path, members: Sequence[str]) -> None:
    """Named files of a tar, tar.gz or zip archive, all of them or none.

    They are read from the archive and written by us: no path, link, owner or mode that the archive
    holds reaches the disk.

    Args:
        archive: The archive.
        destination: The folder that they go to, each under its own path in the archive.
        members: Their paths in the archive, with ``/``.

    Raises:
        InputError: The archive is damaged, lacks a member, holds it twice or as a link, or is
            larger than ``SIZE_LIMIT`` when unpacked. No file is changed then.
    """
    where, missing = str(archive), {_inside(name) for name in members}
    try:
        with contextlib.ExitStack() as files:  # left in an error, it puts no file in its place
            for entry in _entries(archive, set(missing)):
                if entry.name not in missing:
                    raise InputError("it stands there twice", where=f"{where}, {entry.name}")
                missing.remove(entry.name)
                file = files.enter_context(_appears_whole(destination / entry.name))
                with entry.open() as content:
                    shutil.copyfileobj(content, file, _MEBIBYTE)
            if missing:
                raise InputError(f"it holds no {', '.join(sorted(missing))}", where=where)
    except _DAMAGE as error:
        raise InputError(f"it cannot be extracted: {error}", "get the archive again", where=where) from error


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> urllib.request.Request | None:
        *_, target = args
        if not target.startswith("https://"):
            raise urllib.error.URLError(f"it redirects to {target}, which is not HTTPS")
        return super().redirect_request(*args)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_HttpsOnly)


def _open(url: str) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "fpt-plugins"})  # noqa: S310 # HTTPS by now
    return _opener().open(request, timeout=_SECONDS_OF_SILENCE)


def _refuse_where_forbidden(url: str) -> None:
    for name in ("FPT_OFFLINE", "HF_HUB_OFFLINE"):
        if os.environ.get(name, "").lower() in ("1", "true", "yes", "on"):
            raise urllib.error.URLError(f"{name} forbids it")
    if not url.startswith("https://"):
        raise urllib.error.URLError(f"{url} is not HTTPS")


def _reason(error: Exception) -> str:
    return str(error.reason) if isinstance(error, urllib.error.URLError) else str(error) or repr(error)


def _copy(response: Any, file: BinaryIO, description: str) -> str:
    """Writes what comes, and returns its SHA-256."""
    declared, digest, size = response.headers.get("Content-Length"), hashlib.sha256(), 0
    total = math.ceil(int(declared) / _MEBIBYTE) if declared else None
    chunks = iter(lambda: response.read(_MEBIBYTE), b"")
    for chunk in track(chunks, f"downloading {description}, MiB", total):
        size += len(chunk)
        if size > SIZE_LIMIT:
            raise urllib.error.URLError(f"more than {SIZE_LIMIT:,} bytes come")
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _appears_whole(destination: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when the block ends, and leaves no trace where it ends in an error."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = destination.with_name(f".{destination.name}-{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)


class _Entry(NamedTuple):
    name: str
    size: int
    is_file: bool
    open: Callable[[], IO[bytes]]


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InputError(f"the member {name!r} would leave the folder")
    return str(path)


def _entries(archive: Path, wanted: set[str]) -> Iterator[_Entry]:
    """The wanted entries, each as it is met, while the whole stays within the limits."""
    total = 0
    every = _zip_entries(archive) if zipfile.is_zipfile(archive) else _tar_entries(archive)
    for count, entry in enumerate(every, start=1):
        total += entry.size
        if entry.size < 0 or total > SIZE_LIMIT or count > ENTRY_LIMIT:
            found = f"{count:,} entries of {total:,} bytes"
            raise InputError(f"it unpacks to {found} or more, beyond our limits", where=str(archive))
        if entry.name in wanted:
            if not entry.is_file:
                raise InputError("it is a link or a folder, not a file", where=f"{archive}, {entry.name}")
            yield entry


def _zip_entries(archive: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            mode = entry.external_attr >> 16  # a Unix mode; 0 where the archive was made elsewhere
            is_folder = entry.filename.endswith("/")  # is_dir() of Python 3.11 fails where there is no name
            is_file = not is_folder and (mode == 0 or stat.S_IFMT(mode) in (0, stat.S_IFREG))
            yield _Entry(_name(entry.filename), entry.file_size, is_file, partial(opened.open, entry))


def _tar_entries(archive: Path) -> Iterator[_Entry]:
    with archive.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        plain = gzip.GzipFile(fileobj=raw) if zipped else raw
        source: Any = _SmallReads(plain)
        with tarfile.open(fileobj=source, mode="r:") as opened:
            for entry in opened:
                yield _Entry(_name(entry.name), entry.size, entry.isreg(), partial(_content, opened, entry))
        _read_to_end(plain)  # where gzip has its checksum: tarfile stops at the tar's own end


def _content(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(entry)
    if content is None:
        raise tarfile.ReadError(f"{entry.name} is not a file")
    return content


def _read_to_end(file: IO[bytes] | gzip.GzipFile) -> None:
    for _ in range(SIZE_LIMIT // _MEBIBYTE):
        if not file.read(_MEBIBYTE):
            return
    raise tarfile.ReadError("it goes on after its end")


def _name(name: str) -> str:
    return str(PurePosixPath(name))  # "./a" is a


class _SmallReads:
    """A file that refuses large reads: tarfile takes a header of any declared length in one."""

    def __init__(self, file: Any) -> None:
        self._file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MEBIBYTE:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        data: bytes = self._file.read(size)
        return data
