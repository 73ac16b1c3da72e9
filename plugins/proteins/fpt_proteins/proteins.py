"""Proteins with their labels, and those of a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs


@attrs.frozen
class Protein:
    """One labeled protein.

    Args:
        identifier: Its name in its file.
        sequence: Its residues, one capital letter each.
        label: The name of its class.
        lineage: SCOP's concise classification (``a.1.1.2``: class, fold, superfamily, family), or
            nothing where the file has none.
    """

    identifier: str
    sequence: str
    label: str
    lineage: str = ""


@attrs.frozen
class Selection:
    """The proteins of a split, and how many were left out, by reason."""

    proteins: Sequence[Protein]
    left_out: Mapping[str, int] = attrs.field(factory=dict)

    def drop(self, reason: str, keep: Iterable[bool]) -> Selection:
        """The proteins to keep, the others counted under ``reason``."""
        kept = [protein for protein, kept in zip(self.proteins, keep, strict=True) if kept]
        return Selection(kept, {**self.left_out, reason: len(self.proteins) - len(kept)})

    def without(self, earlier: Iterable[Protein], reason: str) -> Selection:
        """The proteins whose sequence is not also that of an earlier one."""
        seen = {protein.sequence for protein in earlier}
        return self.drop(reason, [protein.sequence not in seen for protein in self.proteins])
