"""Draws expressions as Long Range Arena's generator does, many trees at a time.

The published one (``lra_benchmarks/data/listops.py``) grows one tree by recursion. Here a forest
grows one level at a time, so that its lengths are known before anything is written down, trees
that are already too long stop growing, and no depth can overflow a stack.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from fpt_listops.generation import GENERATOR_VERSION, Grammar
from fpt_listops.vocabulary import CLOSING, OPERATORS, ZERO

TREES = 4096
"""In a forest, unless a level of it might have more nodes than ``_NODES``."""
_NODES = 2**23


@attrs.frozen(eq=False)
class Level:
    """The nodes of a forest that are equally deep, from left to right.

    Args:
        symbols: The id of each node's operator or digit, ``[n]``.
        arguments: How many nodes of the next level are its own, ``[n]``.
    """

    symbols: NDArray[np.uint8]
    arguments: NDArray[np.int64]


def draw(grammar: Grammar, *key: int) -> list[NDArray[np.uint8]]:
    """The accepted expressions of one forest, as token ids.

    Args:
        grammar: What is drawn.
        key: Numbers of at least 0 that name the forest; the same ones draw the same forest.
    """
    seed = np.random.SeedSequence([GENERATOR_VERSION, *key])
    trees = max(1, min(TREES, _NODES // grammar.max_length))
    levels, lengths = _grow(grammar, np.random.Generator(np.random.PCG64(seed)), trees)
    ids, starts = _write_down(levels)
    accepted = (lengths > grammar.min_length) & (lengths < grammar.max_length)
    return [ids[starts[i] : starts[i] + lengths[i]] for i in accepted.nonzero()[0]]


def _grow(
    grammar: Grammar, generator: np.random.Generator, trees: int
) -> tuple[list[Level], NDArray[np.int64]]:
    """Levels from the root down, and each tree's tokens (``max_length`` for the ones given up)."""
    levels, tree, lengths = [], np.arange(trees), np.zeros(trees, dtype=np.int64)
    for depth in range(grammar.max_depth):
        may_nest = depth < grammar.max_depth - 1
        level = _draw_level(grammar, generator, len(tree), may_nest=may_nest)
        lengths += np.bincount(tree, minlength=trees)
        lengths += np.bincount(tree[level.symbols < CLOSING], minlength=trees)  # an operator's bracket
        coming = np.bincount(tree, weights=level.arguments, minlength=trees)
        too_long = lengths + coming >= grammar.max_length
        lengths[too_long] = grammar.max_length
        level.arguments[too_long[tree]] = 0
        levels.append(level)
        tree = np.repeat(tree, level.arguments)
        if not len(tree):
            break
    return levels, lengths


def _draw_level(grammar: Grammar, generator: np.random.Generator, nodes: int, *, may_nest: bool) -> Level:
    is_operator = may_nest & (generator.random(nodes) < grammar.operator_probability)
    operators = generator.integers(len(OPERATORS), size=nodes, dtype=np.uint8)
    digits = generator.integers(ZERO, ZERO + 10, size=nodes, dtype=np.uint8)
    arguments = generator.integers(2, grammar.max_args + 1, size=nodes, dtype=np.int64)
    return Level(np.where(is_operator, operators, digits), arguments * is_operator)


def _write_down(levels: list[Level]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All trees as token ids, one after the other, and where each begins."""
    spans = _spans(levels)
    starts = roots = _before(spans[0])
    ids = np.empty(spans[0].sum(), dtype=np.uint8)
    for depth, level in enumerate(levels):
        ids[starts] = level.symbols
        is_operator = level.symbols < CLOSING
        ids[(starts + spans[depth] - 1)[is_operator]] = CLOSING
        if depth + 1 < len(levels):
            starts = _starts_below(level.arguments, starts, spans[depth + 1])
    return ids, roots


def _spans(levels: list[Level]) -> list[NDArray[np.int64]]:
    """Tokens of the subtree under each node, per level from the root down."""
    spans: list[NDArray[np.int64]] = []
    below = np.zeros(0, dtype=np.int64)
    for level in reversed(levels):
        ends = level.arguments.cumsum()
        total = np.concatenate([[0], below.cumsum()])
        below = 1 + (level.symbols < CLOSING) + total[ends] - total[ends - level.arguments]
        spans.append(below)
    return spans[::-1]


def _starts_below(
    arguments: NDArray[np.int64], starts: NDArray[np.int64], spans: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Where each node of the next level begins: after its parent's symbol and its elder siblings."""
    before, parents = _before(spans), arguments > 0
    first = _before(arguments)[parents]
    return before + np.repeat(starts[parents] + 1 - before[first], arguments[parents])


def _before(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of all counts that come before each one."""
    return counts.cumsum() - counts
