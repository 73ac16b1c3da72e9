"""The words."""

import hashlib
import itertools
import random

from torch.utils.data import Dataset

SYMBOLS = "abcd"


def source():
    """Every word of two, three and four symbols, repeated: 336, of which some are the same ("ab", "abab")."""
    for size in (2, 3, 4):
        for word in itertools.product(SYMBOLS, repeat=size):
            yield ("".join(word) * 4)[: 9 if size == 3 else 8]


def words(seed):
    """The different ones, in an order that depends on the seed."""
    return sorted(set(source()), key=lambda word: hashlib.sha256(f"{seed} {word}".encode()).digest())


class WordDataset(Dataset):
    """A word without its last symbol, and its next symbols."""

    def __init__(self, words, cut):
        self._words, self._cut = words, cut

    def __len__(self):
        return len(self._words)

    def __getitem__(self, index):
        word = self._words[index]
        if self._cut:
            word = word[: random.randrange(5, 8)]
        return word[:-1], tuple(SYMBOLS.index(symbol) for symbol in word[1:])
