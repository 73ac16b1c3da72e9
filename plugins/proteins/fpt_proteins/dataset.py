"""A split as PyTorch reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex

from torch.utils.data import Dataset

from fpt_proteins.proteins import Selection


class ProteinDataset(Dataset[tuple[str, int]]):
    """Sequences with the places of their classes.

    Args:
        selection: The proteins.
        names: The classes.

    Attributes:
        identifiers: The proteins' names, in order.
        left_out: How many proteins of the file are not here, by reason.
    """

    def __init__(self, selection: Selection, names: Sequence[str]) -> None:
        places = {name: place for place, name in enumerate(names)}
        self.identifiers = [protein.identifier for protein in selection.proteins]
        self.left_out = dict(selection.left_out)
        self._items = [(protein.sequence, places[protein.label]) for protein in selection.proteins]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: SupportsIndex) -> tuple[str, int]:
        return self._items[index]
