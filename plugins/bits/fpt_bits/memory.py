"""Bit memory of Lu et al. 2021 (arXiv 2103.05247), scored on what has to be remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import and_, ge, gt, le

from fpt_bits.metrics import all_bits_accuracy, masked_bit_accuracy
from fpt_bits.samples import of_shape, read_fields, read_rows, read_samples
from fpt_bits.vote import vote_accuracy
from fpt_plugins import BitVector, ConfigurationError, Floor, Last, Recipe, SplitName, Task, Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_bits.splits import MemorySplit

LEAST_BITS = 64
"""Of all strings together: so that no two samples of different splits hold the same strings by chance."""

JSON_FORM = '{"strings": ["0101...", ...], "query": "01?1..."}, where ? is a masked bit'


@attrs.frozen(kw_only=True)
class BitMemory(Task):
    """Strings of bits, then one of them again with some bits masked: what are all its bits?

    A sample is ``[strings + 1, length]`` of -1, +1 and 0 (masked), the query last. A token is
    ``patch`` neighboring bits of one row. Every sample is a function of ``data_seed``, split and
    index; ``fresh`` says only that ``train`` is drawn as it is read, and not held in memory.

    Example:
        >>> BitMemory(length=20, patch=5).sequence
        Vectors(width=5, max_length=24)
    """

    name = "bits/memory"
    summary = "the masked bits of a string that was shown among others"
    fresh = frozenset({"train"})
    metrics = (masked_bit_accuracy, all_bits_accuracy)

    strings: int = attrs.field(default=5, validator=ge(1), metadata={"help": "strings to remember"})
    length: int = attrs.field(default=1000, validator=ge(1), metadata={"help": "bits per string"})
    patch: int = attrs.field(
        default=50, validator=ge(1), metadata={"help": "bits per token; divides the length"}
    )
    mask: float = attrs.field(
        default=0.5,
        validator=and_(gt(0.0), le(1.0)),
        metadata={"help": "probability that a bit of the query is masked"},
    )
    data_seed: int = attrs.field(default=0, validator=ge(0), metadata={"help": "seeds every split"})
    train_size: int = attrs.field(
        default=65_536, validator=ge(1), metadata={"help": "samples to train on, drawn as they are read"}
    )
    validation_size: int = attrs.field(
        default=256, validator=ge(1), metadata={"help": "samples to select on"}
    )
    test_size: int = attrs.field(default=1024, validator=ge(1), metadata={"help": "samples to test on"})

    @length.validator
    def _keeps_splits_apart(self, _: attrs.Attribute[int], length: int) -> None:
        if self.strings * length < LEAST_BITS:
            message = f"{self.name}: {self.strings} strings of {length} bits would recur in every split"
            raise ConfigurationError(message, f"take a length of {-(-LEAST_BITS // self.strings)} or more")

    @patch.validator
    def _divides_length(self, _: attrs.Attribute[int], patch: int) -> None:
        if self.length % patch:
            near = max(width for width in range(1, patch) if self.length % width == 0)
            message = f"{self.name}: patch={patch} does not divide length={self.length}"
            raise ConfigurationError(message, f"for example: --option patch={near}")

    @property
    def recipe(self) -> Recipe:
        return Recipe(steps=4000, batch_size=16, lr=1e-3)

    @property
    def sequence(self) -> Vectors:
        return Vectors(width=self.patch, max_length=(self.strings + 1) * self.length // self.patch)

    @property
    def readout(self) -> Last:
        return Last(self.length // self.patch)

    @property
    def target(self) -> BitVector:
        return BitVector(self.length)

    def split(self, name: SplitName) -> MemorySplit:
        from numpy.random import SeedSequence

        from fpt_bits.splits import MemorySplit

        sizes = {"train": self.train_size, "validation": self.validation_size, "test": self.test_size}
        seed = SeedSequence(self.data_seed, spawn_key=(list(sizes).index(name),))
        return MemorySplit(
            strings=self.strings, length=self.length, mask=self.mask, size=sizes[name], seed=seed
        )

    def files(self, split: SplitName) -> tuple[Path, ...]:  # noqa: ARG002 - none for any split
        """None: every sample is drawn."""
        return ()

    def floors(self, split: SplitName) -> tuple[Floor, ...]:  # noqa: ARG002 - the same for every split
        masked, every, vote = masked_bit_accuracy.name, all_bits_accuracy.name, vote_accuracy(self.strings)
        coin = "closed form: a coin for each bit"
        source = f"closed form for strings={self.strings}, mask={self.mask}"
        copied = 1 - self.mask
        return (
            Floor(name="chance", metric=masked, value=1 / 2, source=coin),
            Floor(name="vote of the strings", metric=masked, value=vote, source=source),
            Floor(name="chance", metric=every, value=1 / 2, source=coin),
            Floor(name="copy the visible bits", metric=every, value=copied + self.mask / 2, source=source),
            Floor(name="copy and vote", metric=every, value=copied + self.mask * vote, source=source),
        )

    def tokenize(self, sample: Any) -> NDArray[np.float32]:
        """A sample as vectors, ``[(strings + 1) * length / patch, patch]``: row after row."""
        import numpy as np

        return of_shape(sample, (self.strings + 1, self.length)).reshape(-1, self.patch).astype(np.float32)

    def parse(self, value: Any) -> NDArray[np.int8]:
        strings, query = read_fields(value, {"strings": list, "query": str}, JSON_FORM)
        return self._sample([*strings, query])

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.int8]]]:
        """A text file: on each line the strings and then the query, separated by spaces."""
        return read_samples(path, self._sample)

    def _sample(self, words: Sequence[Any], where: str = "") -> NDArray[np.int8]:
        bits = {"0": -1, "1": 1}
        layout = {f"string {place + 1}": bits for place in range(self.strings)}
        return read_rows(words, layout | {"query": bits | {"?": 0}}, self.length, where)
