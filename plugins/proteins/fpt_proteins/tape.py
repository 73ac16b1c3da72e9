"""TAPE's remote homology: which file holds which split, and what a record of it is.

Rao et al. 2019 (arXiv 1906.08230), after Hou et al. 2018 (doi 10.1093/bioinformatics/btx780): SCOP
domains in 1,195 folds. The three tests hold out superfamilies, families and proteins. Layout:
songlab-cal/tape at 6d345c2b. Its archives are published without a digest, so none is downloaded.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpt_plugins import InputError
from fpt_proteins.proteins import Protein
from fpt_proteins.vocabulary import checked

FOLDS = 1195


def part_file(data_root: Path, form: str, part: str) -> Path:
    """Where one of TAPE's five files is, named as for :func:`read_part`."""
    folder, name = data_root / "remote_homology", f"remote_homology_{part}"
    return folder / f"{name}.json" if form == "tape-json" else folder / f"{name}.lmdb" / "data.mdb"


def read_part(data_root: Path, form: str, part: str) -> list[Protein]:
    """The proteins of one of TAPE's five files, from the conversion of it where there is one.

    Args:
        data_root: What holds the folder ``remote_homology``.
        form: ``"tape-json"`` or ``"tape-lmdb"``.
        part: ``"train"``, ``"valid"``, ``"test_fold_holdout"``, ``"test_superfamily_holdout"`` or
            ``"test_family_holdout"``.

    Raises:
        InputError: The file is missing, cut off or damaged, or a record is not what TAPE's are.
    """
    path = part_file(data_root, form, part)
    if not path.is_file():
        archive = "data_raw_pytorch" if form == "tape-json" else "data_pytorch"
        remedy = (
            f"unpack the remote_homology.tar.gz of {archive} (https://github.com/songlab-cal/tape#data) "
            f"in {data_root}; or try the sample that comes along: --option source=sample"
        )
        raise InputError("there is no such file", remedy, where=str(path))
    status = path.stat()
    return _read(path, form, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=5)  # a task asks for three splits and their floors
def _read(path: Path, form: str, _changed: tuple[int, int]) -> list[Protein]:
    from fpt_proteins.conversion import converted

    if form == "tape-json":
        from fpt_proteins.tape_json import read_json

        return converted(path, path, read_json, form)
    from fpt_proteins.tape_lmdb import read_lmdb

    return converted(path, path.parent, read_lmdb, form)


def protein(record: Any, path: Path, number: int) -> Protein:
    """A record as a protein.

    Args:
        record: ``primary`` (the sequence), ``fold_label`` (0 to 1194) and, where it has them, ``id``
            and ``protein_length``; its other fields are not read.
        path: Its file, for messages.
        number: Its place in it, from 0, and its name where it has none.

    Raises:
        InputError: A field that is missing, of another type or out of range.
    """
    where = f"{path}, record {number}"
    if not isinstance(record, Mapping):
        raise InputError(f"a record is an object with fields; found {type(record).__name__}", where=where)
    fold, sequence = record.get("fold_label"), _text(record.get("primary"))
    if sequence is None:
        raise InputError(_wrong(record, "primary", "a sequence of letters"), where=where)
    if type(fold) is not int or not 0 <= fold < FOLDS:
        raise InputError(_wrong(record, "fold_label", f"a fold from 0 to {FOLDS - 1}"), where=where)
    length = record.get("protein_length", len(sequence))
    if type(length) is not int or length != len(sequence):
        raise InputError(f"{len(sequence)} residues, and protein_length is {length!r:.20}", where=where)
    identifier = _text(record.get("id")) or str(number)
    return Protein(identifier, checked(sequence, where=where), str(fold))


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):  # as TensorFlow gave it to the writer of the LMDB files
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _wrong(record: Mapping[str, Any], field: str, wanted: str) -> str:
    found = (
        repr(record[field])[:40]
        if field in record
        else f"fields {', '.join(map(str, record))[:80] or 'none'}"
    )
    return f"{field} is {wanted}; found {found}"
