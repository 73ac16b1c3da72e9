"""What is scored without learning: chance, the commonest classes, the nearest composition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fpt_plugins import Floor, SplitName
from fpt_proteins.vocabulary import AMINO_ACIDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_proteins.dataset import ProteinDataset

TOP = 5


def floors(
    train: ProteinDataset, scored: ProteinDataset, names: Sequence[str], split: SplitName
) -> tuple[Floor, ...]:
    """Scores on ``scored`` of predictors that are chosen on ``train``."""
    top, labels = min(TOP, len(names)), _labels(scored)
    counts = np.bincount(_labels(train), minlength=len(names))
    commonest = np.broadcast_to(np.argsort(-counts, kind="stable")[:top], (len(labels), top))
    nearest = nearest_compositions(train, scored, top)
    chosen = f"chosen on {len(train):,} training proteins, scored on {len(labels):,} of {split}"
    return (
        _first("chance", 1 / len(names), f"one of {len(names):,} classes, in closed form"),
        _first("majority class", _hits(commonest[:, :1], labels), f"{names[commonest[0, 0]]}, {chosen}"),
        _first("nearest composition", _hits(nearest[:, :1], labels), f"{_COMPOSITION}, {chosen}"),
        _any("chance", top / len(names), f"{top} of {len(names):,} classes, in closed form"),
        _any("commonest classes", _hits(commonest, labels), f"the {top} commonest, {chosen}"),
        _any("nearest compositions", _hits(nearest, labels), f"{_COMPOSITION}, {chosen}"),
    )


_COMPOSITION = "nearest mean frequency of amino acids per class"


def _first(name: str, value: float, source: str) -> Floor:
    return Floor(name=name, metric="accuracy", value=value, source=source)


def _any(name: str, value: float, source: str) -> Floor:
    return Floor(name=name, metric="top_5_accuracy", value=value, source=source)


def nearest_compositions(train: ProteinDataset, scored: ProteinDataset, top: int) -> NDArray[np.int64]:
    """The classes ``[N, top]`` with the nearest mean training composition, by Euclidean distance."""
    known, labels = compositions(train), _labels(train)
    classes = np.unique(labels)
    means = np.stack([known[labels == label].mean(axis=0) for label in classes])
    distances = (means**2).sum(axis=1) - 2 * compositions(scored) @ means.T  # less a term of no effect
    order: NDArray[np.int64] = classes[np.argsort(distances, axis=1, kind="stable")[:, :top]]
    return order


def compositions(dataset: ProteinDataset) -> NDArray[np.float64]:
    """How frequent each of the 25 letters is in each protein, ``[N, 25]``."""
    counts = [[sequence.count(letter) for letter in AMINO_ACIDS] for sequence, _ in _items(dataset)]
    numbers = np.array(counts, dtype=np.float64)
    shares: NDArray[np.float64] = numbers / numbers.sum(axis=1, keepdims=True)
    return shares


def _hits(guesses: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    return float((guesses == labels[:, None]).any(axis=1).mean())


def _labels(dataset: ProteinDataset) -> NDArray[np.int64]:
    return np.array([label for _, label in _items(dataset)], dtype=np.int64)


def _items(dataset: ProteinDataset) -> list[tuple[str, int]]:
    return [dataset[index] for index in range(len(dataset))]
