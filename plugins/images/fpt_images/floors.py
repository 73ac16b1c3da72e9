"""What is scored without learning: chance, the commonest class, the nearest mean picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fpt_plugins import Floor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_images.labeled import LabeledPictures
    from fpt_plugins import SplitName

_CHUNK = 1024


def floors(
    train: LabeledPictures, scored: LabeledPictures, names: tuple[str, ...], split: SplitName
) -> tuple[Floor, ...]:
    """Accuracies on ``scored`` of predictors that are chosen on ``train``."""
    commonest = int(np.bincount(train.labels, minlength=len(names)).argmax())
    majority = float((scored.labels == commonest).mean())
    nearest = float((nearest_mean(train, scored) == scored.labels).mean())
    chosen, on = f"of {len(train):,} training pictures", f"scored on the {len(scored):,} of {split}"
    return (
        _floor("chance", 1 / len(names), f"one of {len(names)} classes, in closed form"),
        _floor("majority class", majority, f"{names[commonest]!r}, the commonest {chosen}; {on}"),
        _floor("nearest class mean", nearest, f"raw pixels, nearest mean {chosen} per class; {on}"),
    )


def _floor(name: str, value: float, source: str) -> Floor:
    return Floor(name=name, metric="accuracy", value=value, source=source)


def nearest_mean(train: LabeledPictures, scored: LabeledPictures) -> NDArray[np.int64]:
    """The class whose mean training picture is nearest to each scored one, by Euclidean distance."""
    classes = np.unique(train.labels)
    means = np.stack([train.pictures[train.labels == label].mean(axis=0).ravel() for label in classes])
    return np.concatenate(
        [
            classes[_distances(scored.pictures[start : start + _CHUNK], means).argmin(axis=1)]
            for start in range(0, len(scored), _CHUNK)
        ]
    )


def _distances(pictures: NDArray[np.uint8], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances ``[N, classes]``, less each picture's own square, which decides nothing."""
    products = pictures.reshape(len(pictures), -1) @ means.T
    return np.asarray((means**2).sum(axis=1) - 2 * products)
