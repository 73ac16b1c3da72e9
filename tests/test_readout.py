"""Readouts against explicit loops over ragged batches, with garbage where padding is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import Every, First, Flatten, Last, Mean

WIDTH = 3
GARBAGE = [0.0, 1e30, float("inf"), float("-inf"), float("nan")]


def ragged(lengths, garbage=0.0):
    """Samples of these lengths, and the same padded on the right with garbage, with its mask."""
    generator = torch.Generator().manual_seed(len(lengths) + sum(lengths))
    samples = [torch.randn(length, WIDTH, generator=generator) for length in lengths]
    padded = torch.full((len(lengths), max(lengths), WIDTH), garbage)
    mask = torch.zeros(padded.shape[:2], dtype=torch.bool)
    for row, sample in enumerate(samples):
        padded[row, : len(sample)] = sample
        mask[row, : len(sample)] = True
    return samples, padded, mask


LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 4), st.sampled_from(GARBAGE))
def test_last_reads_the_last_real_positions_in_order(lengths, n, garbage):
    """For every n, each sample yields its own last n vectors, whatever the padding holds."""
    samples, padded, mask = ragged([length + n - 1 for length in lengths], garbage)
    pooled = Last(n).pool(padded, mask)
    assert pooled.shape == (len(lengths), n, WIDTH)
    assert torch.equal(pooled, torch.stack([sample[-n:] for sample in samples]))


@settings(deadline=None)
@given(LENGTHS, st.sampled_from(GARBAGE))
def test_first_reads_the_first_position(lengths, garbage):
    """Each sample yields its first vector."""
    samples, padded, mask = ragged(lengths, garbage)
    assert torch.equal(First().pool(padded, mask), torch.stack([sample[:1] for sample in samples]))


@settings(deadline=None)
@given(LENGTHS, st.sampled_from(GARBAGE))
def test_mean_is_over_the_real_positions(lengths, garbage):
    """Each sample yields the mean of its own vectors; NaN or infinity in the padding does not spread."""
    samples, padded, mask = ragged(lengths, garbage)
    expected = torch.stack([sample.mean(0, keepdim=True) for sample in samples])
    torch.testing.assert_close(Mean().pool(padded, mask), expected)


@settings(deadline=None)
@given(LENGTHS)
def test_every_yields_each_position_its_own_output(lengths):
    """The real positions come through unchanged, in place."""
    samples, padded, mask = ragged(lengths)
    pooled = Every().pool(padded, mask)
    for row, sample in zip(pooled, samples, strict=True):
        assert torch.equal(row[: len(sample)], sample)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 5))
def test_flatten_joins_all_positions_in_order(batch, length):
    """Each sample yields one vector: its positions one after the other."""
    samples, padded, mask = ragged([length] * batch)
    pooled = Flatten(length).pool(padded, mask)
    assert pooled.shape == (batch, 1, length * WIDTH)
    assert torch.equal(pooled[:, 0], torch.stack([torch.cat(list(sample)) for sample in samples]))


@pytest.mark.parametrize(
    ("readout", "positions"),
    [(Last(), 1), (Last(3), 3), (First(), 1), (Mean(), 1), (Every(), None), (Flatten(4), 1)],
)
def test_the_number_of_positions_is_that_of_what_is_read(readout, positions):
    """What a readout declares is how many vectors it yields; ``None`` is one per position."""
    samples, padded, mask = ragged([4, 4])
    assert readout.positions == positions
    assert readout.pool(padded, mask).shape[1] == (len(samples[0]) if positions is None else positions)


@pytest.mark.parametrize("readout", [Last(), Last(2), First(), Mean()])
def test_no_gradient_reaches_the_padding(readout):
    """Gradients are finite everywhere and zero at padding, even where padding is infinite."""
    _, padded, mask = ragged([2, 5], float("inf"))
    padded.requires_grad_()
    readout.pool(padded, mask).sum().backward()
    assert torch.isfinite(padded.grad).all()
    assert (padded.grad[~mask] == 0).all()
    assert (padded.grad[mask] != 0).any()


@pytest.mark.parametrize("readout", [Last(2), First(), Mean(), Every(), Flatten(4)])
def test_the_type_is_kept(readout):
    """bf16 hidden states are read out as bf16."""
    _, padded, mask = ragged([4, 4])
    assert readout.pool(padded.bfloat16(), mask).dtype == torch.bfloat16


@pytest.mark.parametrize("wrong", [lambda: Last(0), lambda: Flatten(0), lambda: Last(-1)])
def test_reading_nothing_is_refused(wrong):
    """At least one position is read."""
    with pytest.raises(ValueError, match="must be >= 1"):
        wrong()
