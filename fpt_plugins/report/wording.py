"""Numbers and lists as the report writes them, the same in every place."""

from __future__ import annotations

from collections.abc import Iterable

from fpt_plugins.study.arms import StudyArm

HOLE = "-"
"""What stands where there is no number; never a zero, never a mean of the rest."""


def score(value: float | None) -> str:
    """A score, a loss or a difference of scores.

    Example:
        >>> score(0.98333), score(None)
        ('0.9833', '-')
    """
    return HOLE if value is None else f"{value:.4f}"


def signed(value: float) -> str:
    """A difference, its sign always shown."""
    return f"{value:+.4f}"


def short(value: float | None) -> str:
    """A number of any size in three digits: a rate, a p-value, a count of operations."""
    return HOLE if value is None else f"{value:.3g}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Both ends of an interval."""
    return HOLE if bounds is None else f"[{signed(bounds[0])}, {signed(bounds[1])}]"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "seed"), count(3, "seed")
        ('1 seed', '3 seeds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def placed(arm: StudyArm) -> str:
    """An arm's name as it stands in a sentence, its place on the axes after it: ``random (layers=2)``."""
    return f"{arm.base} ({arm.place})" if arm.base and arm.place else arm.name


def listed(words: Iterable[object]) -> str:
    """Words in a row: ``a, b and c``."""
    *most, last = [str(word) for word in words] or [""]
    return f"{', '.join(most)} and {last}" if most else last
