"""Splits by what two proteins share. Which side each falls on depends on the seed and its name alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, TypeAlias

from fpt_plugins import SplitName
from fpt_proteins.proteins import Protein

Level: TypeAlias = Literal["fold", "superfamily", "family"]
LEVELS: tuple[Level, ...] = ("fold", "superfamily", "family")

HELD_OUT = 0.1
"""The share of groups that tests, and again that validates."""


def by_lineage(proteins: Sequence[Protein], level: Level, seed: int) -> dict[SplitName, list[Protein]]:
    """Holds out whole superfamilies of each fold, families of each superfamily, or members of each family.

    A fold (for ``level="fold"``) of three superfamilies or more gives at least one to each split; of
    two, one trains and the other tests or validates; a single one trains, so that such a fold is
    learned and never asked for. The other levels likewise, one step down.
    """
    strata: dict[str, dict[str, list[Protein]]] = defaultdict(lambda: defaultdict(list))
    for protein in proteins:
        parts = (*protein.lineage.split("."), protein.sequence)
        depth = LEVELS.index(level) + 2  # class and fold, ...
        strata[".".join(parts[:depth])][".".join(parts[: depth + 1])].append(protein)
    splits: dict[SplitName, list[Protein]] = {"train": [], "validation": [], "test": []}
    for stratum in sorted(strata):
        groups = shuffled(list(strata[stratum]), seed)
        for side, group in zip(_sides(len(groups), stratum, seed), groups, strict=True):
            splits[side].extend(strata[stratum][group])
    return splits


def by_sequence(proteins: Sequence[Protein], held_out: float, seed: int) -> dict[SplitName, list[Protein]]:
    """Draws the share ``held_out`` of all different sequences for each of validation and test."""
    order = shuffled(list({protein.sequence for protein in proteins}), seed)
    count = round(held_out * len(order))
    test, validation = set(order[:count]), set(order[count : 2 * count])
    splits: dict[SplitName, list[Protein]] = {"train": [], "validation": [], "test": []}
    for protein in proteins:
        if protein.sequence in test:
            splits["test"].append(protein)
        else:
            splits["validation" if protein.sequence in validation else "train"].append(protein)
    return splits


def shuffled(names: Sequence[str], seed: int) -> list[str]:
    """The names in an order that depends on the seed and on nothing else: not on their own order.

    Example:
        >>> shuffled(["a.1.1", "a.1.2", "a.1.3"], 0) == shuffled(["a.1.3", "a.1.1", "a.1.2"], 0)
        True
    """
    return sorted(names, key=lambda name: _draw(name, seed))


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _sides(groups: int, stratum: str, seed: int) -> list[SplitName]:
    if groups == 1:
        return ["train"]
    if groups == 2:
        return ["test" if _draw(stratum, seed)[0] % 2 else "validation", "train"]
    count = max(1, round(HELD_OUT * groups))
    return [*["test"] * count, *["validation"] * count, *["train"] * (groups - 2 * count)]
