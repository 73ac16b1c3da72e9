"""SCOPe: domains with their folds, from the headers of ASTRAL's FASTA files, and splits by evolution.

ASTRAL's headers read ``>d1ux8a_ a.1.1.1 (A:) Protozoan/bacterial hemoglobin {Bacillus subtilis}``:
domain, class.fold.superfamily.family, residues, protein, species. Its sequences are in lower case.
Source: Fox, Brenner and Chandonia 2014 (doi 10.1093/nar/gkt1240); https://scop.berkeley.edu.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from fpt_plugins import InputError
from fpt_proteins.fasta import FastaRecord, read_fasta
from fpt_proteins.proteins import Protein, Selection

_LINEAGE = re.compile(r"[a-z](\.[1-9]\d*){3}")
_PROTEIN_CLASSES = "abcdefg"  # of SCOP's others, h to l, most are no folds: peptides, designs, artifacts
_REMEDY = "a header of ASTRAL's reads >d1ux8a_ a.1.1.1 (A:) description"


def read_domains(path: Path) -> Selection:
    """The domains of SCOP's classes a to g, each labeled with its fold (``a.1``).

    Raises:
        InputError: As :func:`fpt_proteins.fasta.read_fasta`, or a header without a classification.
    """
    if not path.is_file():
        remedy = (
            "put one of the FASTA files of https://scop.berkeley.edu/astral there and name it with "
            "--option scope_file=FILE; or try the sample that comes along: --option source=sample"
        )
        raise InputError("there is no such file", remedy, where=str(path))
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)  # a task asks for three splits and their floors
def _read(path: Path, _changed: int) -> Selection:
    domains = Selection([_domain(record) for record in read_fasta(path, lowercase=True)])
    kept = [domain.lineage[0] in _PROTEIN_CLASSES for domain in domains.proteins]
    return domains.drop("of SCOP's classes h to l", kept)


def _domain(record: FastaRecord) -> Protein:
    from Bio import SCOP

    try:
        lineage = SCOP.parse_domain(record.header).sccs
    except ValueError as error:
        raise InputError(f"no SCOP domain: {record.header[:60]!r}", _REMEDY, where=record.where) from error
    if not _LINEAGE.fullmatch(lineage):
        raise InputError(f"no SCOP classification: {lineage!r}", _REMEDY, where=record.where)
    return Protein(record.identifier, record.sequence, ".".join(lineage.split(".")[:2]), lineage)
