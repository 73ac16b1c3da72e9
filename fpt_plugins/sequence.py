"""What a sequence is made of: token ids of a vocabulary, or vectors of a width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, min_len

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def names(words: Iterable[str]) -> tuple[str, ...]:
    """Words as a tuple: typed, so that a checker accepts any iterable of them."""
    return tuple(words)


@attrs.frozen(kw_only=True)
class TokenIds:
    """A sequence of ids, each naming one symbol of ``vocabulary``.

    Args:
        vocabulary: The symbols; a token's id is its place here.
        max_length: The longest sequence, in tokens.

    Example:
        >>> TokenIds(vocabulary=("0", "1"), max_length=10).size
        2
    """

    vocabulary: tuple[str, ...] = attrs.field(validator=min_len(1), converter=names)
    max_length: int = attrs.field(validator=ge(1))

    @property
    def size(self) -> int:
        """How many symbols there are."""
        return len(self.vocabulary)


@attrs.frozen(kw_only=True)
class Vectors:
    """A sequence of real vectors, each of ``width`` numbers.

    Args:
        width: Numbers per token.
        max_length: The longest sequence, in tokens.
    """

    width: int = attrs.field(validator=ge(1))
    max_length: int = attrs.field(validator=ge(1))


@attrs.frozen(eq=False)
class Sequences:
    """A ragged batch: all tokens one after the other, and how many belong to each sample.

    Args:
        values: Token ids ``[sum(lengths)]`` (any integer type) or vectors ``[sum(lengths), width]``.
        lengths: Tokens per sample, ``[B]``.

    Example:
        >>> batch = Sequences.of([[1, 2, 3], [4]])
        >>> batch.lengths.tolist(), batch[1].tolist()
        ([3, 1], [4])
    """

    values: NDArray[Any]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Sequence[ArrayLike]) -> Sequences:
        """Join one array per sample: ``[T]`` for ids, ``[T, width]`` for vectors."""
        import numpy as np

        arrays = [np.asarray(sample) for sample in samples]
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return cls(np.concatenate(arrays) if arrays else np.zeros(0), lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        end = 0
        for length in self.lengths:
            start, end = end, end + int(length)
            yield self.values[start:end]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """The tokens of one sample. O(B): iterate to read them all."""
        start = int(self.lengths[:index].sum())
        return self.values[start : start + int(self.lengths[index])]
