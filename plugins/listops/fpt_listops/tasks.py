"""``listops/lra``: what a nested list operation evaluates to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import and_, ge, gt, in_, le, lt

from fpt_listops.generation import PUBLISHED, Generation, Grammar
from fpt_listops.vocabulary import DIGITS, PAPER_LENGTH, PAPER_SYMBOLS, SYMBOLS
from fpt_plugins import (
    Classes,
    ConfigurationError,
    Floor,
    InputError,
    Last,
    Recipe,
    SplitName,
    Task,
    TokenIds,
    accuracy,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_listops.dataset import Expressions

EXAMPLE = '{"expression": "[MAX 2 9 [MIN 4 7 ] 0 ]"}'


def _option(default: Any, help_text: str, *validators: Any) -> Any:
    return attrs.field(default=default, validator=and_(*validators), metadata={"help": help_text})


@attrs.frozen(kw_only=True)
class Lra(Task):
    """Nested MIN, MAX, MED (median) and SM (sum modulo ten) of digits, as Long Range Arena poses them.

    Source: Tay et al. 2020 (arXiv 2011.04006), after Nangia and Bowman 2018 (arXiv 1804.06028).
    The defaults are Long Range Arena's published parameters. A sample is a ``uint8`` array ``[T]``
    of ids of ``SYMBOLS``, whatever the variant.

    Example:
        >>> Lra().parse({"expression": "[MAX 2 9 [MIN 4 7 ] 0 ]"}).tolist()
        [1, 7, 14, 0, 9, 12, 4, 5, 4]
    """

    name = "listops/lra"
    summary = "the value, 0 to 9, of a nested list of MIN, MAX, MED and SM"
    recipe = Recipe(steps=6_000, batch_size=16, lr=1e-3)  # the paper's rate and batch; once through the data
    readout = Last(1)
    target = Classes(DIGITS)
    metrics = (accuracy,)

    variant: Literal["full", "paper"] = _option(
        "full",
        f"paper: no brackets, cut at {PAPER_LENGTH} tokens, as the code of arXiv 2103.05247 had it",
        in_(("full", "paper")),
    )
    source: Literal["generated", "release"] = _option(
        "generated",
        "release: Long Range Arena's own files, in lra_release/listops-1000 under the data root",
        in_(("generated", "release")),
    )
    min_length: int = _option(500, "expressions have more tokens than this", ge(0))
    max_length: int = _option(2_000, "expressions have fewer tokens than this", ge(2))
    max_depth: int = _option(10, "levels of the tree; the lowest has digits alone", ge(1))
    max_args: int = _option(10, "the most arguments of an operator; the fewest are 2", ge(2))
    operator_probability: float = _option(
        0.25, "that a node above the lowest level is an operator (VALUE_P in LRA's code)", gt(0.0), le(1.0)
    )
    data_seed: int = _option(0, "which expressions are drawn", ge(0), lt(2**32))
    train_size: int = _option(96_000, "training expressions", ge(1))
    validation_size: int = _option(2_000, "validation expressions", ge(1))
    test_size: int = _option(2_000, "test expressions", ge(1))

    def __attrs_post_init__(self) -> None:
        generation = self.generation  # refuses a grammar without expressions
        if self.source == "release" and generation != PUBLISHED:
            raise ConfigurationError(
                "source=release has lengths, depth, sizes and order of its own; other ones were asked for",
                "leave these options out, or take source=generated",
            )

    @property
    def sequence(self) -> TokenIds:
        """One token per digit and two per operator, as the generator counts them."""
        if self.variant == "paper":
            return TokenIds(vocabulary=PAPER_SYMBOLS, max_length=min(PAPER_LENGTH, self._limit))
        return TokenIds(vocabulary=SYMBOLS, max_length=self._limit)

    @property
    def generation(self) -> Generation:
        """What the generated set is made from."""
        return Generation(
            grammar=Grammar(
                min_length=self.min_length,
                max_length=self.max_length,
                max_depth=self.max_depth,
                max_args=self.max_args,
                operator_probability=self.operator_probability,
            ),
            data_seed=self.data_seed,
            rows={"train": self.train_size, "validation": self.validation_size, "test": self.test_size},
        )

    def split(self, name: SplitName) -> Expressions:
        """One split; a set that is not there yet is generated, as ``source`` says."""
        from fpt_listops.parsed import load_table

        path, sha256 = self._table(name)
        return load_table(path, sha256=sha256, rows=self.generation.rows[name], limit=self._limit)

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance, and what the first token and the top of the tree alone are worth.

        ``variant=paper`` has no brackets, so that no predictor can tell which digits are the root's own.
        """
        from fpt_listops.floors import counted

        scored = self.split(split)
        train = scored if split == "train" else self.split("train")
        label = "" if self.generation.is_lra_size else ", not LRA's size"
        source = (
            f"most frequent label of {len(train)} training expressions{label}; on {len(scored)} of {split}"
        )
        return counted(train, scored, source, has_brackets=self.variant == "full")

    def parse(self, value: Any) -> NDArray[np.uint8]:
        """``{"expression": "[MAX 2 9 [MIN 4 7 ] 0 ]"}``, plain or in LRA's binarized form."""
        from fpt_listops.expression import encode

        match value:
            case {"expression": str(text)} if len(value) == 1:
                return encode(text, limit=self._limit)
        raise InputError(f"a sample is {EXAMPLE}; found {str(value)[:80]}")

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """A ``.tsv`` in LRA's form, labels checked, or any other file with one expression per line."""
        from fpt_listops.tables import read_expressions, read_table

        rows = read_table if path.suffix.lower() == ".tsv" else read_expressions
        row = None
        for row in rows(path, self._limit):
            yield f"line {row.line}", row.ids
        if row is None:
            raise InputError("the file is empty", where=str(path))

    @property
    def _limit(self) -> int:
        return self.max_length - 1

    def files(self, split: SplitName) -> tuple[Path, ...]:
        """The split's table."""
        from fpt_listops.release import FOLDER
        from fpt_listops.tables import FILES

        folder = FOLDER if self.source == "release" else Path("listops", self.generation.name)
        return (self.data_root / folder / FILES[split],)

    def _table(self, split: SplitName) -> tuple[Path, str]:
        from fpt_listops import generated, release

        if self.source == "release":
            return release.released_table(self.data_root, split)
        folder = self.data_root / "listops" / self.generation.name
        if not folder.exists():
            generated.generate(folder, self.generation)
        return generated.generated_table(folder, split)
