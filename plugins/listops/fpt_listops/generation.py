"""What a generated set is made from: which expressions are drawn, which are accepted, how many."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fpt_plugins import ConfigurationError, SplitName

GENERATOR_VERSION = 1
"""Part of every seed, name and record: raised whenever the same seed would draw otherwise."""


@attrs.frozen(kw_only=True)
class Grammar:
    """The parameters of Long Range Arena's generator. Parentheses count nowhere as tokens.

    Args:
        min_length: Accepted expressions have more tokens than this.
        max_length: Accepted expressions have fewer tokens than this.
        max_depth: Levels of the tree; the lowest has digits alone.
        max_args: The most arguments of an operator; the fewest are two.
        operator_probability: That a node above the lowest level is an operator.

    Raises:
        ConfigurationError: No tree has a length between the two.
    """

    min_length: int
    max_length: int
    max_depth: int
    max_args: int
    operator_probability: float

    def __attrs_post_init__(self) -> None:
        if self.max_length - self.min_length < 2:
            raise ConfigurationError(
                f"no length is above min_length={self.min_length} and below max_length={self.max_length}"
            )
        if self._longest() <= self.min_length:
            raise ConfigurationError(
                f"max_depth={self.max_depth} and max_args={self.max_args} give at most "
                f"{self._longest()} tokens, not more than min_length={self.min_length}",
                "lower min_length, or raise max_depth or max_args",
            )

    def _longest(self) -> int:
        """Tokens of the longest tree; nothing beyond ``max_length`` is told apart."""
        length = 1
        for _ in range(self.max_depth - 1):
            length = min(2 + self.max_args * length, self.max_length)
            if length == self.max_length:
                break
        return length


@attrs.frozen(kw_only=True)
class Generation:
    """A set of expressions: equal generations give the same bytes.

    Args:
        grammar: What is drawn and accepted.
        data_seed: Names the draw.
        rows: How many expressions each split has.
    """

    grammar: Grammar
    data_seed: int
    rows: Mapping[SplitName, int]

    @property
    def is_lra_size(self) -> bool:
        """Whether all but the seed is Long Range Arena's, so that figures compare."""
        return attrs.evolve(self, data_seed=PUBLISHED.data_seed) == PUBLISHED

    @property
    def name(self) -> str:
        """All of it as a folder's name, which says if it is not Long Range Arena's size."""
        grammar, rows = self.grammar, self.rows
        return (
            f"{'lra-size' if self.is_lra_size else 'not-lra-size'}"
            f"-length{grammar.min_length}-{grammar.max_length}-depth{grammar.max_depth}-args{grammar.max_args}"
            f"-operators{grammar.operator_probability}-rows{rows['train']}-{rows['validation']}-{rows['test']}"
            f"-seed{self.data_seed}-v{GENERATOR_VERSION}"
        )


PUBLISHED = Generation(
    grammar=Grammar(min_length=500, max_length=2000, max_depth=10, max_args=10, operator_probability=0.25),
    data_seed=0,
    rows={"train": 96_000, "validation": 2_000, "test": 2_000},
)
"""Long Range Arena's parameters; it published no seed (``lra_benchmarks/data/listops.py``)."""
