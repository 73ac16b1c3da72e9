"""Converters of fields that hold several values: of any iterable a tuple, typed as attrs cannot by itself."""

from __future__ import annotations

from collections.abc import Iterable


def floats(values: Iterable[float]) -> tuple[float, ...]:
    """Numbers."""
    return tuple(values)


def texts(values: Iterable[str]) -> tuple[str, ...]:
    """Words, or paragraphs."""
    return tuple(values)
