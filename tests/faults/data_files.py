"""What readers of the plugins are given: data of every published form that they know."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.subject import Subject

PROTEINS = [
    {"id": f"d{n}abc_", "protein_length": 5, "fold_label": n, "primary": f"{letter}MKVA"}
    for n, letter in enumerate("ACDEFGHI")
]
PICTURES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
FASTA = b">one first\nMKVLA\nACDEF\n>two\nGHIKL\n>three x y\nMNPQRSTVWY\n"
LABELS = b"id,label,split\none,a,train\ntwo,b,test\nthree,a,validation\n"
SERIES = b"""@problemName echo
@timeStamps false
@univariate true
@equalLength true
@seriesLength 4
@classLabel true up down
@data
1,2,3,4:up
4,3,2.5,1:down
1,?,1,2:up
"""
DATED = (
    b"date,OT,HUFL\n2016-07-01 00:00:00,30.5,5.8\n2016-07-01 01:00:00,27.7,5.6\n2016-07-01 02:00:00,,5.1\n"
)
EXPRESSIONS = b"Source\tTarget\r\n( ( ( ( [MAX 4 ) 3 ) 2 ) ] )\t4\r\n"
LINES = b'{"id": "a", "strings": ["01010", "11001"]}\n{"strings": ["11010", "01001"]}\n'


def _writer(name: str, content: bytes) -> Any:
    return lambda folder: (folder / name).write_bytes(content)


def _array(found: Any) -> Any:
    return found.dtype.str, found.shape, found.tobytes()


def _idx() -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">III", *PICTURES.shape) + PICTURES.tobytes()


def _batch() -> dict[bytes, Any]:
    data = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    return {b"data": data, b"labels": [3, 7], b"batch_label": b"training batch 1 of 5"}


def _picture(kind: str) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(PICTURES[0]).save(written, kind)
    return written.getvalue()


def _tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        entry = tarfile.TarInfo("set/data.txt")
        entry.size = len(FASTA)
        archive.addfile(entry, io.BytesIO(FASTA))
    return written.getvalue()


def _zip() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/data.txt", FASTA)
    return written.getvalue()


def make_lmdb(folder: Path) -> None:
    """TAPE's records as pickles, and their number."""
    import lmdb

    with (
        lmdb.open(str(folder / "part.lmdb"), map_size=1 << 20) as environment,
        environment.begin(write=True) as transaction,
    ):
        for number, protein in enumerate(PROTEINS):
            transaction.put(str(number).encode(), pickle.dumps(protein, 3))
        transaction.put(b"num_examples", pickle.dumps(len(PROTEINS), 3))
    (folder / "part.lmdb" / "lock.mdb").unlink()


def read_lmdb(folder: Path) -> Any:
    """The proteins."""
    from fpt_proteins.tape_lmdb import read_lmdb as read

    return read(folder / "part.lmdb")


def read_json(folder: Path) -> Any:
    """The proteins."""
    from fpt_proteins.tape_json import read_json as read

    return list(read(folder / "part.json"))


def read_idx(folder: Path) -> Any:
    """The pictures."""
    from fpt_images.idx import PICTURES as MAGIC
    from fpt_images.idx import read_idx as read

    return _array(read(folder / "pictures", MAGIC))


def read_cifar(folder: Path) -> Any:
    """The pictures and the classes, of either form."""
    from fpt_images.cifar_batches import read_batch

    (path,) = folder.iterdir()
    found = read_batch(path)
    return _array(found.pictures), _array(found.labels)


def read_picture(folder: Path) -> Any:
    """The sample."""
    from fpt_images.files import read_pictures
    from fpt_images.layout import PictureLayout

    (path,) = folder.iterdir()
    layout = PictureLayout(side=28, channels=1, patch=4, mean=(0.0,), deviation=(1.0,))
    return [_array(sample) for _, sample in read_pictures(path, layout)]


def read_archive(folder: Path) -> Any:
    """The one file that is taken out of it."""
    from fpt_plugins import extract

    out = folder.with_name(f"{folder.name}-out")
    shutil.rmtree(out, ignore_errors=True)
    extract(folder / "archive", out, ["set/data.txt"])
    return (out / "set" / "data.txt").read_bytes()


def read_fasta(folder: Path) -> Any:
    """The records."""
    from fpt_proteins.fasta import read_fasta as read

    return [(found.identifier, found.header, found.sequence) for found in read(folder / "set.fasta")]


def read_labels(folder: Path) -> Any:
    """The table."""
    from fpt_proteins.label_table import read_labels as read

    return {name: (row.label, row.split) for name, row in read(folder / "labels.csv").items()}


def read_series(folder: Path) -> Any:
    """The cases."""
    from fpt_timeseries.ts_file import read_ts

    found = read_ts(folder / "ECHO_TRAIN.ts")
    return found.classes, [(_array(case.values), case.label) for case in found.cases]


def read_dated(folder: Path) -> Any:
    """The table."""
    from fpt_timeseries.dated_csv import read_table

    found = read_table(folder / "table.csv", regular=True)
    return found.columns, _array(found.values), found.next_date


def read_expressions(folder: Path) -> Any:
    """The rows."""
    from fpt_listops.tables import read_table

    return [(row.ids.tolist(), row.label) for row in read_table(folder / "basic_train.tsv", 100)]


def read_text(folder: Path) -> Any:
    """The documents."""
    from fpt_text.documents import read_documents

    return read_documents(folder / "text.txt", "*")


def read_lines(folder: Path) -> Any:
    """The samples that are to be answered."""
    from fpt_plugins.prediction import read_lines as read
    from tests.faults.saved_files import arm

    path = folder / "samples.jsonl"
    with path.open(encoding="utf-8") as lines:
        return list(read(arm().task, lines, str(path)))


DATA = (
    Subject(name="idx", make=_writer("pictures", _idx()), read=read_idx),
    Subject(name="idx-gzip", make=_writer("pictures", gzip.compress(_idx())), read=read_idx),
    Subject(
        name="cifar-binary", make=_writer("batch.bin", bytes([3]) + bytes(range(256)) * 12), read=read_cifar
    ),
    Subject(name="cifar-pickle", make=_writer("batch", pickle.dumps(_batch(), 2)), read=read_cifar),
    Subject(
        name="png", make=lambda folder: (folder / "a.png").write_bytes(_picture("PNG")), read=read_picture
    ),
    Subject(
        name="jpeg", make=lambda folder: (folder / "a.jpg").write_bytes(_picture("JPEG")), read=read_picture
    ),
    Subject(
        name="gif", make=lambda folder: (folder / "a.gif").write_bytes(_picture("GIF")), read=read_picture
    ),
    Subject(
        name="tiff", make=lambda folder: (folder / "a.tif").write_bytes(_picture("TIFF")), read=read_picture
    ),
    Subject(name="tar", make=_writer("archive", _tar()), read=read_archive),
    Subject(name="zip", make=_writer("archive", _zip()), read=read_archive),
    Subject(name="fasta", make=_writer("set.fasta", FASTA), read=read_fasta),
    Subject(name="labels", make=_writer("labels.csv", LABELS), read=read_labels),
    Subject(name="tape-json", make=_writer("part.json", json.dumps(PROTEINS).encode()), read=read_json),
    Subject(name="tape-lmdb", make=make_lmdb, read=read_lmdb, files=("data.mdb",), share=0.01),
    Subject(name="ts", make=_writer("ECHO_TRAIN.ts", SERIES), read=read_series),
    Subject(name="csv", make=_writer("table.csv", DATED), read=read_dated),
    Subject(name="listops", make=_writer("basic_train.tsv", EXPRESSIONS), read=read_expressions),
    Subject(name="text", make=_writer("text.txt", FASTA * 9), read=read_text),
    Subject(name="samples", make=_writer("samples.jsonl", LINES), read=read_lines),
)
