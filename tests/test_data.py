"""From a split to batches: order, padding, splits that are read once or drawn afresh."""

import random
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import Batch, Classes, InputError, Last, Recipe, Sequences, Task, TokenIds, Vectors
from fpt_plugins.data import CHUNK, collate, read_split, whole
from fpt_plugins.streams import preserved_generators, seed_generators
from fpt_plugins.target import PADDING_TARGET

IDS = TokenIds(vocabulary="0123456789", max_length=9)
PAIRS = Vectors(width=2, max_length=9)
LAST, CLASSES = Last(), Classes("abc")


@attrs.frozen(kw_only=True)
class Toy(Task):
    """A task whose declarations are what each test says; its samples are its tokens."""

    name = "toy/toy"
    summary = "a toy"
    recipe = Recipe(steps=1, batch_size=1, lr=1.0)
    metrics = ()
    sequence: Any = IDS
    readout: Any = LAST
    target: Any = CLASSES
    fresh: Any = frozenset()
    dataset: Any = ()

    def split(self, name):
        return self.dataset

    def floors(self, split):
        return ()

    def parse(self, value):
        return value

    def read(self, path):
        return iter(())


class Tokenizer:
    """Stands for the plugins: joins the samples, and remembers how many came at once."""

    def __init__(self):
        self.calls = []

    def tokenize(self, task, samples):
        self.calls.append(len(samples))
        return Sequences.of(samples)


def indices(split, *places):
    """A batch of these places at epoch 0, as rows of tokens without padding."""
    batch = split.batch([(place, 0) for place in places])
    return [row[mask].tolist() for row, mask in zip(batch.tokens, batch.attention_mask, strict=True)]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9), min_size=1, max_size=6))
def test_ids_are_padded_on_the_right(samples):
    """Tokens and mask are what a loop over samples and positions writes down."""
    batch = collate(Toy(), Sequences.of(samples))
    assert (batch.tokens.dtype, batch.attention_mask.dtype, batch.targets) == (torch.int64, torch.bool, None)
    assert batch.tokens.shape == batch.attention_mask.shape == (len(samples), max(map(len, samples)))
    for row, sample in enumerate(samples):
        for place in range(batch.tokens.shape[1]):
            real = place < len(sample)
            assert bool(batch.attention_mask[row, place]) == real
            assert int(batch.tokens[row, place]) == (sample[place] if real else 0)


def test_vectors_are_padded_on_the_right():
    """Vectors of any real type become float32, with vectors of 0 behind each sample's end."""
    samples = [np.full((length, 2), length + 0.5) for length in (3, 1, 2)]
    batch = collate(Toy(sequence=PAIRS), Sequences.of(samples))
    assert (batch.tokens.dtype, tuple(batch.tokens.shape), len(batch)) == (torch.float32, (3, 3, 2), 3)
    for row, sample in enumerate(samples):
        expected = np.vstack([sample, np.zeros((3 - len(sample), 2))])
        assert np.array_equal(batch.tokens[row].numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("kind", ["|i1", "|u1", ">i4", "<i8", "|b1"])
def test_any_array_of_integers_is_taken(kind):
    """Small, big-endian and read-only arrays give the same batch, and are not written to."""
    values, lengths = np.array([1, 0, 1], dtype=kind), np.array([1, 2], dtype=np.int32)
    values.flags.writeable = lengths.flags.writeable = False
    batch = collate(Toy(), Sequences(values, lengths))
    assert batch.tokens.tolist() == [[1, 0], [0, 1]]


def test_targets_of_one_shape_are_stacked():
    """Row by row, in their own type."""
    targets = [np.array([0, 1], dtype=np.float32), np.array([1, 1], dtype=np.float32)]
    found = collate(Toy(), Sequences.of([[1], [2]]), targets).targets
    assert (found.dtype, found.tolist()) == (torch.float32, [[0, 1], [1, 1]])


def test_targets_that_are_sequences_are_padded_with_the_padding_target():
    """Behind each sample's own targets stands the number that costs and scores nothing."""
    targets = [np.array([0, 1, 2]), np.array([2]), np.array([1, 0])]
    found = collate(Toy(), Sequences.of([[1] * 3, [1], [1] * 2]), targets).targets
    assert found.tolist() == [[0, 1, 2], [2, PADDING_TARGET, PADDING_TARGET], [1, 0, PADDING_TARGET]]


def test_a_batch_on_its_device_is_itself():
    """Nothing is copied where nothing moves; elsewhere all three tensors move."""
    batch = Batch(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    assert {each.device.type for each in (moved.tokens, moved.attention_mask, moved.targets)} == {"meta"}
    assert Batch(batch.tokens, batch.attention_mask).to(torch.device("meta")).targets is None


RAGGED = [([index % 10] * (1 + index % 7), index % 3) for index in range(2 * CHUNK + 3)]


def test_a_split_is_tokenized_once_in_chunks():
    """Each sample goes to the plugin exactly once, and batches need the plugin no more."""
    tokenizer = Tokenizer()
    split = read_split(tokenizer, Toy(dataset=RAGGED), "train", 0)
    assert (tokenizer.calls, len(split)) == ([CHUNK, CHUNK, 3], len(RAGGED))
    places = [0, CHUNK - 1, CHUNK, 2 * CHUNK + 2, 5, 5]
    assert indices(split, *places) == [RAGGED[place][0] for place in places]
    assert split.batch([(place, 9) for place in places]).targets.tolist() == [RAGGED[p][1] for p in places]
    assert sum(tokenizer.calls) == len(RAGGED)


class Noisy:
    """A data set of augmented samples: each read draws from all three global generators."""

    reads = 0

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.reads += 1
        drawn = [torch.rand(()).item(), float(np.random.rand()), random.random()]  # noqa: NPY002
        return np.array([[index, number] for number in drawn]), index % 3


def fresh(seed=0):
    task = Toy(sequence=PAIRS, fresh=frozenset({"train"}), dataset=Noisy())
    return read_split(Tokenizer(), task, "train", seed), task.dataset


def test_a_fresh_sample_is_a_function_of_seed_epoch_and_index():
    """It is the same alone, in any company and order; another epoch, index or seed draws another."""
    split, _ = fresh()
    alone = split.batch([(4, 2)]).tokens[0]
    together = split.batch([(1, 0), (4, 2), (4, 3), (4, 2)]).tokens
    assert torch.equal(together[1], alone)
    assert torch.equal(together[3], alone)
    other_seed = fresh(seed=1)[0].batch([(4, 2)]).tokens[0]
    drawn = [together[0, :, 1], alone[:, 1], together[2, :, 1], other_seed[:, 1]]
    assert len({number.item() for each in drawn for number in each}) == 4 * 3


def test_drawing_leaves_the_global_generators_alone():
    """The next numbers of torch, NumPy and Python are those that would have come anyway."""
    split, _ = fresh()
    with preserved_generators():
        seed_generators(7)
        expected = (torch.rand(()).item(), float(np.random.rand()), random.random())  # noqa: NPY002
        seed_generators(7)
        split.batch([(0, 0), (1, 0)])
        assert (torch.rand(()).item(), float(np.random.rand()), random.random()) == expected  # noqa: NPY002


def test_a_fresh_split_is_read_when_it_is_drawn():
    """Opening it reads nothing; a batch reads its own samples; other splits of the task are read once."""
    split, dataset = fresh()
    assert (dataset.reads, len(split)) == (0, 6)
    split.batch([(0, 0), (1, 0)])
    assert dataset.reads == 2
    read_split(Tokenizer(), Toy(sequence=PAIRS, fresh=frozenset({"train"}), dataset=dataset), "test", 0)
    assert dataset.reads == 2 + 6


@pytest.mark.parametrize("batch_size", [1, 4, 5, 1000])
def test_a_whole_split_comes_once_in_order_of_length(batch_size):
    """Every index comes exactly once, with its own tokens, shorter samples before longer ones."""
    samples = RAGGED[:61]
    batches = list(whole(read_split(Tokenizer(), Toy(dataset=samples), "test", 0), batch_size))
    assert sorted(index for found, _ in batches for index in found) == list(range(61))
    assert all(len(found) == len(batch) <= batch_size for found, batch in batches)
    lengths = [length for _, batch in batches for length in batch.attention_mask.sum(1).tolist()]
    assert lengths == sorted(len(tokens) for tokens, _ in samples)
    for found, batch in batches:
        assert batch.targets.tolist() == [samples[index][1] for index in found]


def test_a_whole_fresh_split_is_the_same_every_time():
    """Scoring reads each sample once, as of epoch 0."""
    split, _ = fresh()
    first, second = (list(whole(split, 4)) for _ in range(2))
    assert [found for found, _ in first] == [[0, 1, 2, 3], [4, 5]]
    assert all(torch.equal(a.tokens, b.tokens) for (_, a), (_, b) in zip(first, second, strict=True))
    assert torch.equal(first[1][1].tokens, split.batch([(4, 0), (5, 0)]).tokens)


@pytest.mark.parametrize("kinds", [frozenset(), frozenset({"train"})])
def test_an_empty_split_is_refused(kinds):
    """The split and the task are named, before anything is divided by zero."""
    with pytest.raises(InputError, match="the train split of toy/toy is empty"):
        read_split(Tokenizer(), Toy(dataset=[], fresh=kinds), "train", 0)
