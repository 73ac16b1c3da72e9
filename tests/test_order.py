"""Which samples a step sees: every one once per epoch, whatever they are batched by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins.order import POOL, Order


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 2**40))
def test_every_epoch_is_a_permutation(size, batch_size, seed):
    """Step after step, across the ends of epochs, each epoch shows every sample exactly once."""
    order, epochs = Order(size, batch_size, seed), 3
    seen = [place for step in range(-(-epochs * size // batch_size)) for place in order.at(step)]
    for epoch in range(epochs):
        part = seen[epoch * size : (epoch + 1) * size]
        assert [e for _, e in part] == [epoch] * size
        assert sorted(index for index, _ in part) == list(range(size))


@pytest.mark.parametrize(("size", "batch_size"), [(10, 4), (7, 7), (5, 16), (1000, 1)])
def test_a_step_needs_no_memory_of_those_before(size, batch_size):
    """Step 37 asked first is step 37 asked after 0 to 36, or after 99 down to 38."""
    first = Order(size, batch_size, 0).at(37)
    upward, downward = Order(size, batch_size, 0), Order(size, batch_size, 0)
    assert [upward.at(step) for step in range(38)][-1] == first
    assert [downward.at(step) for step in range(99, 36, -1)][-1] == first


def test_epochs_and_seeds_have_orders_of_their_own():
    """Two epochs, and two seeds, show 50 samples in different orders (chance of a tie: 1 in 50!)."""
    epochs = [[index for index, _ in Order(50, 50, seed).at(step)] for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(order) for order in epochs}) == 4


def test_every_order_is_about_as_likely():
    """Over 3,000 seeds the 6 orders of 3 samples come equally often: chi-squared below its 99.9 % point."""
    orders = [tuple(index for index, _ in Order(3, 3, seed).at(0)) for seed in range(3000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert sum((count - 500) ** 2 / 500 for count in counts) < 20.5  # 5 degrees of freedom


lengths_of_splits = st.lists(st.integers(1, 30), min_size=1, max_size=40).map(np.array)


@settings(deadline=None)
@given(lengths_of_splits, st.integers(1, 30), st.integers(0, 2**40))
def test_by_length_too_every_epoch_is_a_permutation(lengths, batch_size, seed):
    """Each epoch shows every sample once, and a step alone is the step after those before it."""
    order, epochs = Order(len(lengths), batch_size, seed, lengths), 4
    steps = [order.at(step) for step in range(-(-epochs * len(lengths) // batch_size))]
    seen = [place for step in steps for place in step]
    for epoch in range(epochs):
        part = seen[epoch * len(lengths) : (epoch + 1) * len(lengths)]
        assert sorted(part) == [(index, epoch) for index in range(len(lengths))]
    for step in reversed(range(len(steps))):
        assert Order(len(lengths), batch_size, seed, lengths).at(step) == steps[step]


def test_a_batch_by_length_is_a_run_of_its_sorted_pool():
    """Where an epoch is one pool, its batches are what its sorted lengths are cut into, shuffled."""
    lengths = np.random.default_rng(0).integers(1, 500, 48)
    order = Order(48, 4, 0, lengths)
    found = [sorted(int(lengths[index]) for index, _ in order.at(step)) for step in range(12)]
    ranked = sorted(lengths.tolist())
    expected = [ranked[start : start + 4] for start in range(0, 48, 4)]
    assert sorted(found) == expected
    assert found != expected


def test_batches_by_length_pad_little():
    """Of log-normal lengths, a batch padded to its longest is almost full; random batches are not."""
    lengths = np.random.default_rng(0).lognormal(5.0, 0.6, 16 * POOL * 3).astype(np.int64)

    def full(order):
        steps = [[lengths[index] for index, _ in order.at(step)] for step in range(3 * POOL)]
        return sum(map(sum, steps)) / sum(16 * max(step) for step in steps)

    assert full(Order(len(lengths), 16, 0, lengths)) > 0.9
    assert full(Order(len(lengths), 16, 0)) < 0.6


def test_who_shares_a_batch_changes_with_the_epoch():
    """Beyond one pool the samples that come together are others in each epoch."""
    lengths = np.arange(4 * POOL * 4)
    order = Order(len(lengths), 4, 0, lengths)
    steps = [frozenset(index for index, _ in order.at(step)) for step in range(8 * POOL)]
    assert len(set(steps[: 4 * POOL]) & set(steps[4 * POOL :])) < 4 * POOL / 10


def test_every_sample_is_as_likely_in_each_step():
    """Over 3,000 seeds the shortest of 6 samples is in the first of 3 batches a third of the time."""
    lengths = np.arange(6)
    first = sum(0 in {index for index, _ in Order(6, 2, seed, lengths).at(0)} for seed in range(3000))
    assert abs(first - 1000) < 3.3 * (3000 * (1 / 3) * (2 / 3)) ** 0.5  # 99.9 % of a binomial


def test_samples_of_one_length_are_shuffled():
    """Where all are as long, batching by length is the random order."""
    steps = range(9)
    equal = Order(10, 4, 0, np.full(10, 7))
    assert [equal.at(step) for step in steps] == [Order(10, 4, 0).at(step) for step in steps]
