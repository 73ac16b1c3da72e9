"""The synthetic sample, ``sample.fasta``: SCOP's hierarchy in small. No protein in it exists.

A fold is a row of helices, strands and loops. A superfamily writes that row with amino acids of its
own, drawn by how often each stands in a helix, a strand or a loop; families and their members are
mutated copies. So two superfamilies of a fold share its row and nothing else, which is what remote
homology asks a model to see. ``python -m fpt_proteins.sample`` prints the file. License: MIT.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

FOLDS = ("a.1", "a.2", "b.1", "b.2", "c.1", "c.2", "d.1", "d.2")
SUPERFAMILIES, FAMILIES, MEMBERS = 5, 2, 6
SEED = 20210309  # the day of arXiv 2103.05247

_STATES = {"a": "HC", "b": "EC", "c": "ECHC", "d": "HCEC"}
_LENGTHS = {"H": range(9, 19), "E": range(4, 9), "C": range(2, 7)}
_RESIDUES = {
    "H": "AAAAEEEELLLLKKKKQQQRRRMMIDSVWFHNTY",
    "E": "VVVVIIIIYYYFFFTTTLLLWCKRSQEMA",
    "C": "GGGGPPPPNNNDDDSSSSTTKEHAQR",
}
"""How often each amino acid is drawn in helix, strand and loop: after Chou and Fasman 1978, coarsely."""


def sample_fasta() -> Iterator[str]:
    """The lines of the file, in ASTRAL's format: lower case, 60 residues to a line."""
    generator, number = random.Random(SEED), 0
    for fold in FOLDS:
        row = _row(generator, fold)
        for superfamily in range(1, SUPERFAMILIES + 1):
            founder = [_pick(generator, _RESIDUES[state]) for state in row]
            for family in range(1, FAMILIES + 1):
                ancestor = _mutated(generator, founder, row, 0.4)
                for _ in range(MEMBERS):
                    number += 1
                    lineage = f"{fold}.{superfamily}.{family}"
                    yield f">dsyn{number:03d} {lineage} (A:) Synthetic, no organism has it"
                    yield from _lines("".join(_mutated(generator, ancestor, row, 0.2)).lower())


def _row(generator: random.Random, fold: str) -> str:
    """Six elements and the loops between them, one letter per residue: ``HHHHHHHHHHCCC...``."""
    states = (_STATES[fold[0]] * 6)[:12]
    return "".join(state * _pick(generator, _LENGTHS[state]) for state in states)


def _mutated(generator: random.Random, residues: list[str], row: str, rate: float) -> list[str]:
    return [
        _pick(generator, _RESIDUES[state]) if generator.random() < rate else residue
        for residue, state in zip(residues, row, strict=True)
    ]


def _pick(generator: random.Random, choices: Sequence[T]) -> T:
    return choices[int(generator.random() * len(choices))]  # random() is all that Python promises to keep


def _lines(sequence: str) -> Iterator[str]:
    return (sequence[start : start + 60] for start in range(0, len(sequence), 60))


if __name__ == "__main__":
    print("\n".join(sample_fasta()))
