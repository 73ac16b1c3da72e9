"""Answers that need no learning: chance, the commonest class, and that of the nearest training series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpt_plugins import Floor, accuracy
from fpt_timeseries.labeled import Row

CHUNK = 256
"""Series whose distances are computed at once."""


def floors(train: Sequence[Row], scored: Sequence[Row], classes: int, split: str) -> tuple[Floor, ...]:
    """Each floor of accuracy; of the nearest series only where all series are of one length."""
    commonest = Counter(label for _, label in train).most_common(1)[0][0]
    majority = sum(label == commonest for _, label in scored) / len(scored)
    found = {
        "chance": (1 / classes, "closed form"),
        "majority class": (majority, f"train, scored on {split}"),
    }
    if len({values.shape for values, _ in (*train, *scored)}) == 1:
        nearest = share_of_nearest(train, scored)
        found["nearest series"] = nearest, f"Euclidean distance to train, scored on {split}"
    return tuple(
        Floor(name=name, metric=accuracy.name, value=value, source=source)
        for name, (value, source) in found.items()
    )


def share_of_nearest(train: Sequence[Row], scored: Sequence[Row]) -> float:
    """How often the nearest training series has the class: the reference classifier of the UCR archive."""
    known, labels = _matrix(train)
    asked, answers = _matrix(scored)
    right = 0
    for start in range(0, len(asked), CHUNK):
        rows = asked[start : start + CHUNK]
        # |a - b|^2 less |a|^2, which changes no order
        distances = (known**2).sum(1) - 2 * rows @ known.T
        right += int((labels[distances.argmin(1)] == answers[start : start + CHUNK]).sum())
    return right / len(asked)


def _matrix(rows: Sequence[Row]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = np.stack([series.ravel() for series, _ in rows])
    return values, np.array([label for _, label in rows], dtype=np.int64)
