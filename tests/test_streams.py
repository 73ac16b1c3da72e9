"""Named streams of random numbers: independent, stable, and without a trace outside."""

import contextlib
import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins.streams import preserved_generators, seed_generators, seeded, stream_seed


def draw():
    """One number from each of the three global generators."""
    return torch.rand(()).item(), float(np.random.rand()), random.random()  # noqa: NPY002


def test_a_seed_is_the_first_63_bits_of_a_sha256():
    """The seed of a purpose can be recomputed from its words with hashlib alone."""
    expected = int(hashlib.sha256(b"7/order/3").hexdigest(), 16) >> (256 - 63)
    assert stream_seed(7, "order", 3) == expected


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_seeds_are_the_same_in_every_process(hash_seed):
    """A fresh process with another PYTHONHASHSEED derives the same seeds."""
    code = "from fpt_plugins.streams import stream_seed; print(stream_seed(3, 'dropout', 17), stream_seed(0))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == [str(stream_seed(3, "dropout", 17)), str(stream_seed(0))]


def test_no_two_purposes_share_a_stream():
    """Over 60,000 seeds, purposes and steps no two seeds are equal."""
    names = ("order", "dropout", "sample", "parameters")
    seeds = {stream_seed(s, name, step) for s in range(10) for name in names for step in range(1500)}
    assert len(seeds) == 10 * len(names) * 1500


def test_streams_of_neighboring_steps_are_uncorrelated():
    """Draws of two purposes, step by step, correlate no more than 4 standard errors of independent ones."""
    steps = range(400)
    first, second = (
        [np.random.default_rng(stream_seed(0, name, step)).random() for step in steps]
        for name in ("order", "dropout")
    )
    lagged = np.corrcoef(first[1:], first[:-1])[0, 1]
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / len(steps) ** 0.5
    assert abs(lagged) < 4 / len(steps) ** 0.5


@settings(deadline=None)
@given(st.integers(0, 2**62), st.text())
def test_a_seed_fits_every_generator(seed, name):
    """Every seed is one that torch, NumPy and Python take."""
    found = stream_seed(seed, name)
    assert 0 <= found < 2**63
    with preserved_generators():
        seed_generators(found)


def test_seeded_draws_are_those_of_the_libraries_own_seeding():
    """Inside ``seeded``, each generator yields what its library yields for that seed."""
    seed = stream_seed(0, "parameters", "input")
    with seeded(seed):
        found = draw()
    torch_own = torch.rand((), generator=torch.Generator().manual_seed(seed)).item()
    numpy_own = np.random.RandomState(seed % 2**32).rand()
    assert found == (torch_own, numpy_own, random.Random(seed).random())


def failing():
    raise ArithmeticError


@pytest.mark.parametrize("inside", [draw, failing])
def test_seeded_puts_all_three_generators_back(inside):
    """What is drawn after ``seeded`` is what would have been drawn without it, an error inside or not."""
    with preserved_generators():
        seed_generators(99)
        expected = draw()
        seed_generators(99)
        with contextlib.suppress(ArithmeticError), seeded(5):
            inside()
        assert draw() == expected


def test_seeded_nests():
    """An inner ``seeded`` does not disturb the draws of an outer one."""
    with seeded(1):
        expected = [draw(), draw()]
    with seeded(1):
        first = draw()
        with seeded(2):
            draw()
        assert [first, draw()] == expected
