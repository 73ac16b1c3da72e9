"""The task."""

import attrs

from fpt_plugins import Classes, Every, Floor, InputError, Recipe, Task, TokenIds, accuracy

SYMBOLS = "abcd"


@attrs.frozen(kw_only=True)
class Words(Task):
    """Which symbol comes next in a word that repeats. A sample is the word without its last symbol."""

    name = "next-symbol/words"
    summary = "which symbol comes next in a word that repeats"
    causal_only = True
    data_seed: int = attrs.field(default=0, metadata={"help": "draws the splits"})

    recipe = Recipe(steps=100, batch_size=16, lr=1e-3)
    sequence = TokenIds(vocabulary=SYMBOLS, max_length=12)
    readout = Every()
    target = Classes(SYMBOLS)
    metrics = (accuracy,)

    @property
    def fresh(self):
        """Training words are cut after any of their symbols."""
        return frozenset({"train"})

    def split(self, name):
        """A quarter validates, a quarter tests."""
        from fpt_next_symbol.dataset import WordDataset, words

        every = words(self.data_seed)
        quarter = len(every) // 4
        start = {"validation": 0, "test": quarter, "train": 2 * quarter}[name]
        end = None if name == "train" else start + quarter
        return WordDataset(every[start:end], cut=name in self.fresh)

    def left_out(self, split):
        """Words that are there twice."""
        from fpt_next_symbol.dataset import source

        every = list(source())
        return {"the same as another": len(every) - len(set(every))} if split == "train" else {}

    def floors(self, split):
        """Chance."""
        return (Floor(name="chance", metric="accuracy", value=1 / 4, source="closed form"),)

    def parse(self, value):
        """``{"word": "abab"}``."""
        match value:
            case {"word": str(word)} if len(value) == 1:
                return checked(word, "")
        raise InputError(f"a sample is a word; found {value!r:.40}")

    def read(self, path):
        """A word on each line; one that is none is yielded as the error."""
        try:
            lines = path.read_bytes().decode("ascii", "backslashreplace").splitlines()
        except OSError as error:
            raise InputError(f"the file cannot be read: {error}", where=str(path)) from error
        if not lines:
            raise InputError("the file is empty", where=str(path))
        for number, line in enumerate(lines, 1):
            try:
                yield str(number), checked(line, f"{path}, line {number}")
            except InputError as error:
                yield str(number), error

    def tokenize(self, sample):
        """A word as ids."""
        import numpy as np

        return np.array([SYMBOLS.index(symbol) for symbol in sample], dtype=np.int64)


def decode(tokens):
    """Ids as a word."""
    return "".join(SYMBOLS[token] for token in tokens)


def checked(word, where):
    """The word, if it is one."""
    if not word or set(word) - set(SYMBOLS):
        raise InputError(f"{word!r:.40} is no word of {', '.join(SYMBOLS)}", where=where)
    return word
