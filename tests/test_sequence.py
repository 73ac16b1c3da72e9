"""Sequences: what a token is, and ragged batches of them."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import Sequences, TokenIds, Vectors

RAGGED = st.lists(st.lists(st.integers(0, 99), max_size=6), max_size=6)


@settings(deadline=None)
@given(RAGGED)
def test_a_ragged_batch_gives_back_its_samples(samples):
    """By iteration and by index, every sample comes back as it went in, empty ones included."""
    batch = Sequences.of(samples)
    assert len(batch) == len(samples)
    assert [sample.tolist() for sample in batch] == samples
    assert [batch[index].tolist() for index in range(len(samples))] == samples
    assert [batch[index - len(samples)].tolist() for index in range(len(samples))] == samples


@settings(deadline=None)
@given(RAGGED)
def test_an_index_beyond_the_end_is_an_error(samples):
    """As for a list."""
    with pytest.raises(IndexError):
        Sequences.of(samples)[len(samples)]


@settings(deadline=None)
@given(RAGGED)
def test_iterating_twice_gives_the_same(samples):
    """A batch is no one-way stream."""
    batch = Sequences.of(samples)
    assert [list(one) for one in batch] == [list(one) for one in batch]


def test_vectors_keep_their_width_and_type():
    """``[T, width]`` arrays are joined along T."""
    samples = [np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32)]
    batch = Sequences.of(samples)
    assert (batch.values.shape, batch.values.dtype, batch.lengths.tolist()) == ((3, 3), np.float32, [2, 1])
    assert batch[1].tolist() == [[0.0, 0.0, 0.0]]


def test_widths_that_differ_are_an_error():
    """Vectors of two widths make no batch."""
    with pytest.raises(ValueError, match="dimension"):
        Sequences.of([np.ones((2, 3)), np.ones((2, 4))])


def test_a_batch_is_a_copy():
    """Changing a sample afterwards changes nothing in the batch."""
    sample = np.array([1, 2])
    batch = Sequences.of([sample])
    sample[0] = 9
    assert batch[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (TokenIds, {"vocabulary": (), "max_length": 1}),
        (TokenIds, {"vocabulary": "01", "max_length": 0}),
        (Vectors, {"width": 0, "max_length": 1}),
        (Vectors, {"width": 1, "max_length": 0}),
    ],
)
def test_a_sequence_of_nothing_is_refused(kind, wrong):
    """Vocabularies, widths and lengths are at least 1."""
    with pytest.raises(ValueError, match=r"must be|Length"):
        kind(**wrong)


def test_a_declaration_cannot_change_and_compares_by_value():
    """A vocabulary may be any iterable of words; equal declarations are equal and hashable."""
    first = TokenIds(vocabulary=iter(["0", "1"]), max_length=4)
    assert (first.size, first, hash(first)) == (
        2,
        TokenIds(vocabulary="01", max_length=4),
        hash(TokenIds(vocabulary=["0", "1"], max_length=4)),
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        first.max_length = 5
