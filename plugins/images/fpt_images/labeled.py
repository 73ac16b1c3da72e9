"""Pictures with their classes, and the parts of them that a split takes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_plugins import SplitName


@attrs.frozen(eq=False)
class LabeledPictures:
    """Pictures ``[N, H, W, C]`` (uint8) and the place of each one's class, ``[N]`` (int64).

    ``copies`` counts those that were left out because another split has them.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    copies: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[Any]) -> LabeledPictures:
        """Those of a mask or of places."""
        return LabeledPictures(self.pictures[chosen], self.labels[chosen])

    def contents(self) -> list[bytes]:
        """The SHA-256 of each picture's pixels: equal for copies, whatever their labels."""
        return [hashlib.sha256(picture.tobytes()).digest() for picture in self.pictures]


def three_ways(every: LabeledPictures, split: SplitName, held_out: int, seed: int) -> LabeledPictures:
    """One of three splits of a whole: ``held_out`` pictures to test, as many to validate, the rest to train.

    Which goes where depends on ``seed`` and on each picture's content alone; copies stay together.
    """
    test = _draw(every, held_out, seed)
    if split == "test":
        return every.take(test)
    return two_ways(every.take(~test), split, held_out, seed)


def two_ways(pool: LabeledPictures, split: SplitName, held_out: int, seed: int) -> LabeledPictures:
    """The ``held_out`` pictures to validate on, or the rest, to train on."""
    validation = _draw(pool, held_out, seed)
    return pool.take(validation if split == "validation" else ~validation)


def published(
    read: Callable[[SplitName], LabeledPictures], split: SplitName, held_out: float, seed: int
) -> LabeledPictures:
    """A split of data that is published as training and test pictures.

    The test pictures are taken whole. The share ``held_out`` of the training pictures validates;
    those of them that are copies of test pictures are left out.
    """
    if split == "test":
        return read("test")
    train = read("train")
    count = round(held_out * len(train))
    pool = without_copies(train, read("test"))
    return attrs.evolve(
        two_ways(pool, split, count, seed), copies=pool.copies if split == "train" else 0
    )  # counted once


def as_the_paper(read: Callable[[SplitName], LabeledPictures], split: SplitName) -> LabeledPictures:
    """As the reference code: all training pictures train, and the test pictures validate too."""
    return read("train" if split == "train" else "test")


def without_copies(pictures: LabeledPictures, *others: LabeledPictures) -> LabeledPictures:
    """Those that are in none of the others."""
    known = {content for other in others for content in other.contents()}
    kept = pictures.take(np.array([content not in known for content in pictures.contents()], dtype=bool))
    return attrs.evolve(kept, copies=len(pictures) - len(kept))


def _draw(pictures: LabeledPictures, count: int, seed: int) -> NDArray[np.bool_]:
    """Which ``count`` are drawn: contents in the order of their keyed digests, as long as they fit."""
    contents = pictures.contents()
    copies, drawn = Counter(contents), set()
    key = f"fpt-images {seed} ".encode()
    for content in sorted(copies, key=lambda content: hashlib.sha256(key + content).digest()):
        if copies[content] <= count:
            drawn.add(content)
            count -= copies[content]
    return np.array([content in drawn for content in contents], dtype=bool)
