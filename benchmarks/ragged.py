"""Residues per second of ragged proteins: batches by length, random batches, padding to the longest.

    python benchmarks/ragged.py --backbone minilm --rounds 4

Training steps of the three kinds take turns in one run on one model, so that their ratios hold on a
busy machine too. The proteins are synthetic, as many as TAPE trains on; their lengths are log-normal
with a mean of 159 residues (chains of one domain in CATH, a count of 2006, as
Proteopedia quotes it, https://proteopedia.org/wiki/index.php/Domain) and a deviation of the logarithm
of 0.5, by which 63 % lie between 100 and 250 (where Chothia et al. 2003, doi 10.1126/science.1085371,
see a typical domain). The last line is the share of a step that its data take.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import torch.nn.functional as F

from fpt_plugins.data import Batch
from fpt_plugins.order import Order
from fpt_plugins.processes import Alone
from fpt_plugins.step_loader import Steps, step_batches
from fpt_plugins.training import open_training
from fpt_plugins.training_loop import Training

PROTEINS, MEAN_LENGTH, SPREAD = 12_312, 159.0, 0.5
SHARES = {"longest": 1, "shuffle": 3, "length": 6}
"""Steps of each kind in a round: more of those whose batches differ more in size."""


def write_proteins(folder: Path) -> dict[str, str]:
    """A FASTA file and a table of labels, as options of ``proteins/fasta``."""
    generator = np.random.default_rng(0)
    location = math.log(MEAN_LENGTH) - SPREAD**2 / 2
    lengths = generator.lognormal(location, SPREAD, PROTEINS).round().clip(20, 1022).astype(int)
    letters = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)
    rows = [generator.choice(letters, length).tobytes().decode() for length in lengths]
    fasta, labels = folder / "proteins.fasta", folder / "labels.tsv"
    fasta.write_text("".join(f">p{number}\n{row}\n" for number, row in enumerate(rows)))
    lines = (f"p{number}\t{'ab'[number % 2]}\n" for number in range(PROTEINS))
    labels.write_text("id\tlabel\n" + "".join(lines))
    return {"fasta": str(fasta), "labels": str(labels)}


@attrs.define
class Kind:
    """One way to make batches, and what its steps took."""

    batches: Iterator[Batch]
    pad_to: int = 0
    residues: int = 0
    slots: int = 0
    seconds: float = 0.0
    data_seconds: float = 0.0

    def step(self, training: Training) -> None:
        """One training step, its data included."""
        start = time.perf_counter()
        batch = padded(next(self.batches), self.pad_to)
        ready = time.perf_counter()
        training.learn(training._pass(batch, len(batch)))  # noqa: SLF001 - the loop's own step, without its files
        self.seconds += time.perf_counter() - start
        self.data_seconds += ready - start
        self.residues += int(batch.attention_mask.sum())
        self.slots += batch.attention_mask.numel()


def padded(batch: Batch, length: int) -> Batch:
    """The batch with rows of at least ``length`` tokens."""
    missing = max(0, length - batch.tokens.shape[1])
    tokens, mask = (F.pad(each, (0, missing)) for each in (batch.tokens, batch.attention_mask))
    return attrs.evolve(batch, tokens=tokens, attention_mask=mask)


def kinds(training: Training) -> dict[str, Kind]:
    """The three, over the same split and with the same seed."""
    split, size = training.train_split, training.settings.batch_size or 1
    lengths = split.lengths
    assert lengths is not None  # noqa: S101 - these proteins are tokenized once; for the reader

    def batches(by: np.ndarray | None) -> Iterator[Batch]:
        steps = Steps(split, Order(len(split), size, 0, by), Alone())
        return step_batches(steps, range(10**6), training.arm.precision.device, workers=None)

    return {
        "longest": Kind(batches(None), pad_to=int(lengths.max())),
        "shuffle": Kind(batches(None)),
        "length": Kind(batches(lengths)),
    }


def report(found: dict[str, Kind]) -> None:
    """A table, and the ratios to padding to the longest."""
    slowest = found["longest"].residues / found["longest"].seconds
    print(f"{'batches':<10}{'residues/s':>12}{'ratio':>8}{'real tokens':>13}")
    for name, kind in found.items():
        speed = kind.residues / kind.seconds
        print(f"{name:<10}{speed:>12,.0f}{speed / slowest:>8.2f}{kind.residues / kind.slots:>12.0%}")
    both = [found[name].residues / found[name].seconds for name in ("length", "shuffle")]
    print(f"by length, to random batches padded to their own longest: {both[0] / both[1]:.2f}")
    data = found["length"].data_seconds / found["length"].seconds
    print(f"data: {data:.2%} of a step by length")


def main() -> None:
    """Reads the command line, trains a little, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbone", default="minilm")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "options": write_proteins(Path(folder)),
            "backbone": given.backbone,
            "init": "random",
            "backbone_options": {"max_length": 1024},
            "batch_size": given.batch_size,
            "device": given.device,
        }
        run = Path(folder, "run")
        with open_training("proteins/fasta", run, resume=False, settings=settings) as training:
            found = kinds(training)
            training.arm.model.train()
            for kind in found.values():
                kind.step(training)  # warms up: memory and kernels for its shapes
                kind.residues = kind.slots = 0
                kind.seconds = kind.data_seconds = 0.0
            for _ in range(given.rounds):
                for name, count in SHARES.items():
                    for _ in range(count):
                        found[name].step(training)
            report(found)


if __name__ == "__main__":
    main()
