"""The data sets of both tasks: bit memory drawn sample by sample, bit XOR cut from all its inputs."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.random import Generator, Philox, SeedSequence
from numpy.typing import NDArray
from torch.utils.data import Dataset

Sample: TypeAlias = tuple[NDArray[np.int8], NDArray[np.int64]]


class MemorySplit(Dataset[Sample]):
    """Bit memory, each sample drawn when it is read, from a random stream of its own.

    A sample is ``[strings + 1, length]``: the strings as -1 and +1, then one of them again with
    0 where a bit is masked. Its target is that string as 0 and 1, ``[length]``.

    Args:
        strings: Strings to remember.
        length: Bits per string.
        mask: The probability that a bit of the query is masked.
        size: Samples.
        seed: Of this split's random numbers.

    Example:
        >>> sample, target = MemorySplit(strings=2, length=8, mask=0.5, size=3, seed=SeedSequence(0))[-1]
        >>> sample.shape, target.shape
        ((3, 8), (8,))
    """

    def __init__(self, *, strings: int, length: int, mask: float, size: int, seed: SeedSequence) -> None:
        self._strings, self._length, self._mask, self._size = strings, length, mask, size
        self._philox = Philox(key=seed.generate_state(2, np.uint64))
        self._generator, self._start = Generator(self._philox), self._philox.state

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Sample:
        place = range(self._size)[index]
        # A counter-based generator starts anywhere at no cost: 2**192 numbers lie between two samples.
        # Moving one takes a tenth of the time of making one.
        self._start["state"]["counter"][3] = place
        self._philox.state = self._start
        generator = self._generator
        ones = generator.integers(2, size=(self._strings, self._length), dtype=np.bool_)
        sample = np.empty((self._strings + 1, self._length), dtype=np.int8)
        sample[:-1] = 2 * ones.view(np.int8) - 1
        queried = ones[generator.integers(self._strings)]
        sample[-1] = (2 * queried.view(np.int8) - 1) * (generator.random(self._length) >= self._mask)
        return sample, queried.astype(np.int64)


class XorSplit(Dataset[Sample]):
    """Bit XOR of given inputs. A target is the XOR of a sample's strings, ``[length]``.

    Args:
        inputs: ``[N, strings, length]``, 0 or 1.
    """

    def __init__(self, inputs: NDArray[np.int8]) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, index: int) -> Sample:
        sample = self._inputs[range(len(self))[index]].copy()
        return sample, np.bitwise_xor.reduce(sample, axis=0).astype(np.int64)


def distinct_inputs(strings: int, length: int, limit: int, data_seed: int) -> NDArray[np.int8]:
    """Different inputs of bit XOR in random order, ``[N, strings, length]``.

    Args:
        strings: Strings of an input.
        length: Bits per string.
        limit: All inputs are returned where there are no more than that. Else as many are drawn at
            random, and one that is drawn again is dropped.
        data_seed: Seeds the order and the draw.
    """
    generator, bits = Generator(Philox(data_seed)), strings * length
    if 2**bits <= limit:
        rows = ((np.arange(2**bits)[:, np.newaxis] >> np.arange(bits)) & 1).astype(np.int8)
    else:
        rows = np.unique(generator.integers(2, size=(limit, bits), dtype=np.int8), axis=0)
    return generator.permutation(rows).reshape(-1, strings, length)
