"""Hostile data: pictures, archives, pickles, tables and texts that are made to harm who reads them."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from tests.faults import data_files
from tests.faults.harm import CODE, DEEP, GIGABYTE, TERABYTE, Execute, Make, grown, linked, written


def _tar(*entries: tarfile.TarInfo) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)) if entry.size < 1 << 20 else None)
    return written.getvalue()


def _entry(name: str = "set/data.txt", kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> Any:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size
    return entry


def _zip(name: str, content: bytes = b"", mode: int = 0) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content)
    return written.getvalue()


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


def _lmdb_cut(folder: Path) -> None:
    path = folder / "part.lmdb" / "data.mdb"
    os.truncate(path, path.stat().st_size - 4096)


def _lmdb_with_code(folder: Path) -> None:
    import lmdb

    with lmdb.open(str(folder / "part.lmdb")) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"0", pickle.dumps(Execute()))


DATA: dict[str, tuple[str, Make]] = {
    "cifar: a pickle with code": ("cifar-pickle", written("batch", CODE)),
    "cifar: a terabyte of nothing": ("cifar-pickle", grown("batch", TERABYTE)),
    "idx: sizes of terabytes": (
        "idx",
        written("pictures", b"\0\0\x08\x03" + struct.pack(">III", 1 << 20, 1 << 10, 1 << 10)),
    ),
    "idx: two billion pictures without pixels": (
        "png",
        written("a.png", b"\0\0\x08\x03" + struct.pack(">III", 1 << 31, 28, 0)),
    ),
    "idx: a gzip bomb": (
        "idx",
        lambda folder: (folder / "pictures").write_bytes(
            zlib.compress(b"\0\0\x08\x03" + struct.pack(">III", 3, 28, 28) + bytes(1 << 26), wbits=31)
        ),
    ),
    "lmdb: cut off": ("tape-lmdb", _lmdb_cut),
    "lmdb: a record with code": ("tape-lmdb", _lmdb_with_code),
    "picture: 60,000 by 60,000": ("png", written("a.png", _png(60_000, 60_000))),
    "picture: PostScript named .png": (
        "png",
        written("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    ),
    "picture: a pickle named .png": ("png", written("a.png", CODE)),
    "picture: a terabyte of nothing": ("png", grown("a.png", TERABYTE)),
    "picture: a link to a device": ("png", linked("a.png", "/dev/zero")),
    "tar: a member outside": ("tar", written("archive", _tar(_entry("../../escaped")))),
    "tar: a member with an absolute name": ("tar", written("archive", _tar(_entry("/escaped")))),
    "tar: a link": ("tar", written("archive", _tar(_entry(kind=tarfile.SYMTYPE, target="/etc/passwd")))),
    "tar: a hard link": (
        "tar",
        written("archive", _tar(_entry(kind=tarfile.LNKTYPE, target="/etc/passwd"))),
    ),
    "tar: a device": ("tar", written("archive", _tar(_entry(kind=tarfile.CHRTYPE)))),
    "tar: a folder that is a link before its file": (
        "tar",
        written("archive", _tar(_entry("set", tarfile.SYMTYPE, "/etc"), _entry(kind=tarfile.SYMTYPE))),
    ),
    "tar: a file of a terabyte": ("tar", written("archive", _tar(_entry(size=TERABYTE)))),
    "zip: a member outside": ("zip", written("archive", _zip("../../escaped"))),
    "zip: a member with an absolute name": ("zip", written("archive", _zip("/escaped"))),
    "zip: a link": ("zip", written("archive", _zip("set/data.txt", b"/etc/passwd", 0o120777))),
    "fasta: a line of a gigabyte": ("fasta", grown("set.fasta", GIGABYTE, b">one\n")),
    "fasta: a terabyte of nothing": ("fasta", grown("set.fasta", TERABYTE)),
    "labels: a line of a gigabyte": ("labels", grown("labels.csv", GIGABYTE, b"id,label\none,")),
    "tape-json: 1,000 levels deep": ("tape-json", written("part.json", DEEP[:1000])),
    "tape-json: 100,000 levels deep": ("tape-json", written("part.json", DEEP)),
    "tape-json: a number of 100,000 digits": (
        "tape-json",
        written("part.json", b"[" + b"9" * 100_000 + b"]"),
    ),
    "ts: a line of a gigabyte": ("ts", grown("ECHO_TRAIN.ts", GIGABYTE, data_files.SERIES)),
    "ts: a terabyte of nothing": ("ts", grown("ECHO_TRAIN.ts", TERABYTE)),
    "csv: a line of a gigabyte": ("csv", grown("table.csv", GIGABYTE, data_files.DATED)),
    "csv: a terabyte of nothing": ("csv", grown("table.csv", TERABYTE)),
    "listops: a line of a gigabyte": ("listops", grown("basic_train.tsv", GIGABYTE, data_files.EXPRESSIONS)),
    "listops: a hundred thousand brackets": (
        "listops",
        written("basic_train.tsv", b"Source\tTarget\r\n" + b"( " * 100_000),
    ),
    "text: a terabyte of nothing": ("text", grown("text.txt", TERABYTE)),
    "samples: a line of a terabyte": ("samples", grown("samples.jsonl", TERABYTE)),
    "samples: JSON 100,000 levels deep": ("samples", written("samples.jsonl", DEEP + b"\n")),
    "samples: NaN in JSON": ("samples", written("samples.jsonl", b'{"strings": NaN}\n')),
}
"""As for what is saved: by what each is, its subject and how it is made."""
