"""Bit XOR of Lu et al. 2021 (arXiv 2103.05247), with inputs held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import and_, ge, gt, in_, lt

from fpt_bits.metrics import exact_match
from fpt_bits.samples import of_shape, read_fields, read_rows, read_samples
from fpt_bits.vote import vote_accuracy
from fpt_plugins import (
    BitVector,
    ConfigurationError,
    Floor,
    Last,
    Recipe,
    SplitName,
    Task,
    TokenIds,
    Vectors,
    bit_accuracy,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_bits.splits import XorSplit

INPUT_LIMIT = 2**16
"""The most inputs that are cut into splits: all there are, up to 16 bits."""

JSON_FORM = '{"strings": ["01010", "11001"]}'


@attrs.frozen(kw_only=True)
class BitXor(Task):
    """Strings of bits: what is their XOR, bit by bit?

    A sample is ``[strings, length]`` of 0 and 1; a token is one bit, string after string. All
    inputs, or 65,536 random ones where there are more, are permuted and cut into splits, so that
    no split holds an input of another.

    Example:
        >>> BitXor().sequence
        TokenIds(vocabulary=('0', '1'), max_length=10)
    """

    name = "bits/xor"
    summary = "the bitwise XOR of strings of bits"
    metrics = (bit_accuracy, exact_match)

    strings: int = attrs.field(default=2, validator=ge(2), metadata={"help": "strings"})
    length: int = attrs.field(default=5, validator=ge(1), metadata={"help": "bits per string"})
    tokens: Literal["ids", "values"] = attrs.field(
        default="ids",
        validator=in_(("ids", "values")),
        metadata={"help": "ids: an embedding for each bit; values: the paper's linear map of 0 and 1"},
    )
    data_seed: int = attrs.field(default=0, validator=ge(0), metadata={"help": "seeds the permutation"})
    validation_fraction: float = attrs.field(
        default=0.125,
        validator=and_(gt(0.0), lt(1.0)),
        metadata={"help": "share of the inputs to select on"},
    )
    test_fraction: float = attrs.field(
        default=0.125, validator=and_(gt(0.0), lt(1.0)), metadata={"help": "share of the inputs to test on"}
    )

    @test_fraction.validator
    def _leaves_no_split_empty(self, _: attrs.Attribute[float], test_fraction: float) -> None:
        inputs = min(2 ** (self.strings * self.length), INPUT_LIMIT)
        held_out = [int(inputs * self.validation_fraction), int(inputs * test_fraction)]
        if 0 in held_out or sum(held_out) >= inputs:
            found = f"validation_fraction={self.validation_fraction} and test_fraction={test_fraction}"
            message = f"{self.name}: {found} of {inputs} inputs leave a split empty"
            raise ConfigurationError(message, "take fractions that sum to less than 1, or longer strings")

    @property
    def recipe(self) -> Recipe:
        return Recipe(steps=1200, batch_size=64, lr=3e-3)

    @property
    def sequence(self) -> TokenIds | Vectors:
        bits = self.strings * self.length
        if self.tokens == "values":
            return Vectors(width=1, max_length=bits)
        return TokenIds(vocabulary=("0", "1"), max_length=bits)

    @property
    def readout(self) -> Last:
        return Last(self.length)

    @property
    def target(self) -> BitVector:
        return BitVector(self.length)

    def split(self, name: SplitName) -> XorSplit:
        from fpt_bits.splits import XorSplit, distinct_inputs

        inputs = distinct_inputs(self.strings, self.length, INPUT_LIMIT, self.data_seed)
        validation = int(len(inputs) * self.validation_fraction)
        held_out = validation + int(len(inputs) * self.test_fraction)
        ends = {"validation": (0, validation), "test": (validation, held_out), "train": (held_out, None)}
        return XorSplit(inputs[slice(*ends[name])])

    def files(self, split: SplitName) -> tuple[Path, ...]:  # noqa: ARG002 - none for any split
        """None: every sample is drawn."""
        return ()

    def floors(self, split: SplitName) -> tuple[Floor, ...]:  # noqa: ARG002 - the same for every split
        each, whole, vote = bit_accuracy.name, exact_match.name, vote_accuracy(self.strings)
        coin, threshold = "closed form: a coin for each bit", "threshold on the ones"
        enough = (self.strings - 1) // 2 + 1
        source = f"closed form: whether {enough} or more of {self.strings} strings have a one there"
        return (
            Floor(name="chance", metric=each, value=1 / 2, source=coin),
            Floor(name=threshold, metric=each, value=vote, source=source),
            Floor(name="chance", metric=whole, value=1 / 2**self.length, source=coin),
            Floor(name=threshold, metric=whole, value=vote**self.length, source=source),
        )

    def tokenize(self, sample: Any) -> NDArray[np.generic]:
        """A sample as ids ``[strings * length]``, or as vectors of width 1."""
        import numpy as np

        bits = of_shape(sample, (self.strings, self.length)).reshape(-1)
        return bits if self.tokens == "ids" else bits[:, np.newaxis].astype(np.float32)

    def parse(self, value: Any) -> NDArray[np.int8]:
        return self._sample(*read_fields(value, {"strings": list}, JSON_FORM))

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.int8]]]:
        """A text file: on each line the strings, separated by spaces."""
        return read_samples(path, self._sample)

    def _sample(self, words: Sequence[Any], where: str = "") -> NDArray[np.int8]:
        layout = {f"string {place + 1}": {"0": 0, "1": 1} for place in range(self.strings)}
        return read_rows(words, layout, self.length, where)
