"""Predictors that look at one byte or at none: what a model must beat to have read anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpt_plugins import Floor, accuracy
from fpt_text.metrics import bits_per_byte

BYTES = 256


def counted(train: Sequence[bytes], scored: Sequence[bytes], source: str) -> tuple[Floor, ...]:
    """Chance, one byte's frequencies, and its frequencies after the byte before.

    Args:
        train: Windows that are counted.
        scored: Windows that are predicted.
        source: Where both are from.
    """
    counts, asked = pair_counts(train), pair_counts(scored)
    unigram = np.tile(unigram_probabilities(counts), (BYTES, 1))
    bigram = bigram_probabilities(counts)
    coin = "closed form: one of 256 bytes"

    def accuracy_floor(name: str, probabilities: NDArray[np.float64]) -> Floor:
        right = asked[np.arange(BYTES), probabilities.argmax(axis=1)].sum() / asked.sum()
        return Floor(name=name, metric=accuracy.name, value=float(right), source=source)

    def bits_floor(name: str, probabilities: NDArray[np.float64]) -> Floor:
        bits = -(asked * np.log2(probabilities)).sum() / asked.sum()
        return Floor(name=name, metric=bits_per_byte.name, value=float(bits), source=source)

    return (
        Floor(name="chance", metric=bits_per_byte.name, value=math.log2(BYTES), source=coin),
        bits_floor("unigram", unigram),
        bits_floor("bigram", bigram),
        Floor(name="chance", metric=accuracy.name, value=1 / BYTES, source=coin),
        accuracy_floor("majority byte", unigram),
        accuracy_floor("bigram", bigram),
    )


def pair_counts(windows: Sequence[bytes]) -> NDArray[np.int64]:
    """How often each byte follows each, within windows: ``[256, 256]``, the earlier one first."""
    counts = np.zeros((BYTES, BYTES), dtype=np.int64)
    for window in windows:
        values = np.frombuffer(window, np.uint8)
        np.add.at(counts, (values[:-1], values[1:]), 1)
    return counts


def unigram_probabilities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each byte, ``[256]``, every one counted once more than it is there (Laplace)."""
    each = counts.sum(axis=0) + 1
    shares: NDArray[np.float64] = each / each.sum()
    return shares


def bigram_probabilities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each byte after each, ``[256, 256]``, mixed with the unigrams' (Witten and Bell, 1991).

    After a byte that ``k`` different ones follow, these count as ``k`` more bytes drawn from the unigrams.
    """
    different = np.maximum(1, (counts > 0).sum(axis=1, keepdims=True))
    mixed = counts + different * unigram_probabilities(counts)
    shares: NDArray[np.float64] = mixed / mixed.sum(axis=1, keepdims=True)
    return shares
