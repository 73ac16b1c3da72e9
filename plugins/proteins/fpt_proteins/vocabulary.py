"""TAPE's IUPAC vocabulary: 30 symbols in a fixed order, and a protein as their ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fpt_plugins import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AMINO_ACIDS = "ABCDEFGHIKLMNOPQRSTUVWXYZ"
"""The 25 letters: twenty amino acids, U and O (rare ones), B, Z and X (either of several). J is none."""

SYMBOLS = ("<pad>", "<mask>", "<cls>", "<sep>", "<unk>", *AMINO_ACIDS)
"""As ``IUPAC_VOCAB`` of songlab-cal/tape has them. Padding is masked by the core and never a token."""

_CLS, _SEP = SYMBOLS.index("<cls>"), SYMBOLS.index("<sep>")
_IDS = bytes.maketrans(AMINO_ACIDS.encode(), bytes(map(SYMBOLS.index, AMINO_ACIDS)))
_OTHER = re.compile(f"[^{AMINO_ACIDS}]")
_REMEDIES = {
    "*": "'*' ends a translation: leave it out",
    "-": "'-' is a gap of an alignment: give the sequences without gaps",
    ".": "'.' is a gap of an alignment: give the sequences without gaps",
    "J": "J is leucine or isoleucine: write X, which is any amino acid",
    ">": "two records on one line: begin each record's '>' on a line of its own",
}


def encode(sequence: str, max_length: int) -> NDArray[np.uint8]:
    """A protein as ids ``[T]``: ``<cls>``, its residues, ``<sep>``.

    Args:
        sequence: Its residues, one letter each.
        max_length: The most tokens; residues that do not fit are cut off at the end.

    Raises:
        InputError: A letter that is no amino acid, or no letter at all.

    Example:
        >>> encode("MKV", 1024).tolist()
        [2, 16, 14, 25, 3]
        >>> encode("MKV", 4).tolist()
        [2, 16, 14, 3]
    """
    import numpy as np

    residues = checked(sequence)[: max_length - 2].encode().translate(_IDS)
    return np.array([_CLS, *residues, _SEP], dtype=np.uint8)


def checked(sequence: str, *, where: str = "") -> str:
    """The sequence, if every letter is an amino acid and there is at least one.

    Raises:
        InputError: Which residue is none, and what to do about it.
    """
    if not sequence:
        raise InputError("a protein without residues", where=where)
    if other := _OTHER.search(sequence):
        letter = other.group()
        message = f"residue {other.start() + 1} is {letter!r}, which is none of the 25 amino-acid letters"
        raise InputError(message, _remedy(letter), where=where)
    return sequence


def _remedy(letter: str) -> str:
    if letter in AMINO_ACIDS.lower():
        return "lower case marks masked residues in some files: write upper case if these are none"
    return _REMEDIES.get(letter, f"the letters are {AMINO_ACIDS}")
