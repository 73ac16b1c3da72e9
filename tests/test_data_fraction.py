"""Training on a share of the data."""

import json

import numpy as np

import fpt_plugins as fpt
from fpt_plugins.data_fraction import fraction_of


class Numbers:
    """A split whose batches are the samples that were asked for."""

    lengths = np.arange(100)

    def __len__(self):
        return 100

    def batch(self, samples):
        return samples


def drawn(fraction, seed=0):
    part = fraction_of(Numbers(), fraction, seed)
    return [index for index, _ in part.batch([(place, 3) for place in range(len(part))])]


def test_a_share_is_that_many_different_samples():
    """A quarter of a hundred is 25 samples, none twice; all is the split itself; none is one."""
    assert len(set(drawn(0.25))) == len(drawn(0.25)) == 25
    assert len(drawn(0.001)) == 1
    split = Numbers()
    assert fraction_of(split, 1.0, 0) is split


def test_smaller_shares_lie_within_greater_ones():
    """Of one seed; another seed draws others, and the epoch is passed on."""
    assert drawn(0.5)[:25] == drawn(0.25)
    assert drawn(0.25, seed=1) != drawn(0.25)
    part = fraction_of(Numbers(), 0.1, 0)
    assert part.batch([(0, 3)])[0][1] == 3
    assert part.lengths.tolist() == drawn(0.1)


def test_a_run_sees_its_share_alone(tmp_path):
    """Batches of eight from a share of one sample are that sample eight times: all right, or all wrong."""
    settings = {"backbone": "none", "steps": 3, "batch_size": 8, "data_fraction": 1 / 768}
    record = fpt.train("bits/xor", out=tmp_path / "run", **settings)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    exact = [row["exact_match"] for row in rows if row["split"] == "train"]
    assert set(exact) <= {0.0, 1.0}
    assert all((5 * row["accuracy"]) % 1 in (0, 1) for row in rows if row["split"] == "train")
    assert record.configuration["data_fraction"] == 1 / 768
