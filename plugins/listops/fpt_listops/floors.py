"""Scores of predictors that read next to nothing: what a model must beat to have parsed anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fpt_listops.dataset import Expressions
from fpt_listops.expression import depths
from fpt_listops.vocabulary import SYMBOLS, ZERO
from fpt_plugins import Floor, accuracy

Clue: TypeAlias = Callable[[NDArray[np.uint8]], int]
"""What a predictor reads of an expression ``[T]``, as a number below ``CLUES``."""
CLUES = len(SYMBOLS) * 11
_MIN, _MAX = SYMBOLS.index("[MIN"), SYMBOLS.index("[MAX")


def nothing(_: NDArray[np.uint8]) -> int:
    """No clue: the predictor is the majority class."""
    return 0


def root(ids: NDArray[np.uint8]) -> int:
    """The root operator; where the whole expression is one digit, that digit."""
    return int(ids[0])


def root_and_extreme(ids: NDArray[np.uint8]) -> int:
    """The root operator, and for MIN the smallest, for MAX the largest of its own digits."""
    digits = ids[(depths(ids) == 1) & (ids >= ZERO)] - ZERO
    choose = {_MIN: np.min, _MAX: np.max}.get(root(ids))
    extreme = int(choose(digits)) if choose and len(digits) else 10
    return root(ids) * 11 + extreme


_PREDICTORS: dict[str, Clue] = {"majority class": nothing, "root operator alone": root}
_PREDICTORS_WITH_BRACKETS = {
    **_PREDICTORS,
    "root operator and its own digits": root_and_extreme,
}


def counted(train: Expressions, scored: Expressions, source: str, *, has_brackets: bool) -> tuple[Floor, ...]:
    """Chance and the trivial predictors, chosen on ``train``; ``source`` says where they were counted.

    Without brackets nothing tells which digits are the root's own, so that predictor is left out.
    """
    predictors = _PREDICTORS_WITH_BRACKETS if has_brackets else _PREDICTORS
    return (
        Floor(name="chance", metric=accuracy.name, value=0.1, source="one of ten labels"),
        *(
            Floor(name=name, metric=accuracy.name, value=accuracy_of(clue, train, scored), source=source)
            for name, clue in predictors.items()
        ),
    )


def accuracy_of(clue: Clue, train: Expressions, scored: Expressions) -> float:
    """Accuracy on ``scored`` of answering the most frequent label that a clue has in ``train``.

    A clue that training data do not have is answered by their majority class.
    """
    counts = np.zeros((CLUES, 10), dtype=np.int64)
    np.add.at(counts, (_clues(clue, train), train.labels), 1)
    answers = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())
    return float((answers[_clues(clue, scored)] == scored.labels).mean())


def _clues(clue: Clue, expressions: Expressions) -> NDArray[np.int64]:
    return np.fromiter((clue(expressions[place][0]) for place in range(len(expressions))), dtype=np.int64)
