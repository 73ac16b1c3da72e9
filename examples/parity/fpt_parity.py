"""A whole plugin: is the number of ones odd?"""

import attrs
import numpy as np

import fpt_plugins as fpt


@attrs.frozen(kw_only=True)
class Parity(fpt.Task):
    """Is the number of ones odd?"""

    name = "parity/bits"
    summary = "whether the number of ones is odd"
    recipe = fpt.Recipe(steps=2000, batch_size=64, lr=3e-3)
    readout = fpt.Last()
    target = fpt.Classes(("even", "odd"))
    metrics = (fpt.accuracy,)
    length: int = attrs.field(default=8, metadata={"help": "bits per sample"})

    @property
    def sequence(self):
        return fpt.TokenIds(vocabulary="01", max_length=self.length)

    def split(self, name):
        bits = np.array(list(np.ndindex(*[2] * self.length)))  # every string there is, in one order
        np.random.default_rng(0).shuffle(bits)
        half, quarter = len(bits) // 2, len(bits) // 4
        cut = {"train": (0, half), "validation": (half, half + quarter), "test": (half + quarter, None)}
        return [(row, int(row.sum() % 2)) for row in bits[slice(*cut[name])]]

    def floors(self, split):
        return (fpt.Floor(name="chance", metric="accuracy", value=0.5, source="closed form"),)

    def parse(self, value):
        if set(value) - {"0", "1"}:
            raise fpt.InputError(f"{value!r} is no string of 0 and 1")
        return np.array([int(bit) for bit in value])

    def read(self, path):
        for number, line in enumerate(path.read_text().split(), start=1):
            yield f"{path.name}:{number}", self.parse(line)


@fpt.hookimpl
def fpt_tasks():
    return [Parity]


@fpt.hookimpl
def fpt_tokenize(task, samples):
    return fpt.Sequences.of(samples)
