"""Bit XOR: what its samples are, how all inputs are split, and what a score of it means."""

import math
import pickle
from itertools import product

import numpy as np
import pytest
import torch

from fpt_bits.hooks import fpt_tokenize
from fpt_bits.xor import BitXor
from fpt_plugins import ConfigurationError, InputError, Last, TokenIds, Vectors

SPLITS = ("train", "validation", "test")


def scores(task, predictions, targets):
    """Each metric over all samples, from predicted bits ``[B, length]``."""
    outputs = torch.nn.functional.one_hot(torch.as_tensor(predictions), 2).float()
    pairs = {metric.name: metric.score(outputs, torch.as_tensor(targets), None) for metric in task.metrics}
    return {name: float(right.sum() / total.sum()) for name, (right, total) in pairs.items()}


def number(bits):
    """A row of bits as an integer, by Python's own reading of binary digits."""
    return int("".join(map(str, bits.tolist())), 2)


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("options", [{}, {"strings": 3, "length": 4}, {"strings": 4, "length": 12}])
def test_the_target_is_the_xor_of_the_strings(name, options):
    """Each target, read as a number, is Python's ``^`` of the strings read as numbers."""
    task = BitXor(**options)
    split = task.split(name)
    for index in range(100):
        sample, target = split[index]
        expected = 0
        for row in sample:
            expected ^= number(row)
        assert number(target) == expected
        assert (target.shape, target.dtype) == ((task.length,), np.int64)


def test_ids_are_the_bits_one_string_after_the_other():
    """The id of a bit is the bit, first string first."""
    task = BitXor()
    sequences = fpt_tokenize(task, [task.parse({"strings": ["01010", "11001"]})])
    assert sequences.values.tolist() == [0, 1, 0, 1, 0, 1, 1, 0, 0, 1]
    assert sequences.values.dtype.kind == "i"
    assert task.sequence == TokenIds(vocabulary=("0", "1"), max_length=10)
    assert task.readout == Last(5)


def test_values_are_vectors_of_one_number():
    """With the paper's input a token is a float 0 or 1 of width 1."""
    task = BitXor(tokens="values")
    sequences = fpt_tokenize(task, [task.parse({"strings": ["01010", "11001"]})])
    assert sequences.values.tolist() == [[0], [1], [0], [1], [0], [1], [1], [0], [0], [1]]
    assert sequences.values.dtype == np.float32
    assert task.sequence == Vectors(width=1, max_length=10)


def test_samples_are_tokenized_alone_as_together():
    """A sample's tokens do not depend on what else is tokenized."""
    task = BitXor()
    samples = [task.split("test")[index][0] for index in range(4)]
    together = fpt_tokenize(task, samples)
    for index, sample in enumerate(samples):
        assert together[index].tolist() == fpt_tokenize(task, [sample])[0].tolist()


def test_every_input_is_in_exactly_one_split():
    """The splits together hold all 1,024 inputs, listed here by itertools, each once."""
    task = BitXor()
    found = [tuple(sample.reshape(-1).tolist()) for name in SPLITS for sample, _ in task.split(name)]
    assert sorted(found) == sorted(product((0, 1), repeat=10))
    assert [len(task.split(name)) for name in SPLITS] == [768, 128, 128]


@pytest.mark.parametrize(("strings", "length"), [(3, 6), (2, 40)])
def test_splits_of_too_many_inputs_to_list_are_disjoint(strings, length):
    """Of inputs drawn at random none occurs twice, within a split or in two."""
    task = BitXor(strings=strings, length=length)
    found = [sample.tobytes() for name in SPLITS for sample, _ in task.split(name)]
    assert len(found) == len(set(found)) <= 2**16
    assert len(found) > 50_000


def test_fractions_set_the_sizes():
    """A half and a quarter of 256 inputs are held out."""
    task = BitXor(length=4, validation_fraction=0.5, test_fraction=0.25)
    assert [len(task.split(name)) for name in SPLITS] == [64, 128, 64]


def test_the_seed_sets_the_split():
    """The same seed gives the same test split, another seed another one."""
    tests = [[sample.tolist() for sample, _ in BitXor(data_seed=seed).split("test")] for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize("strings", [2, 3, 4, 5])
def test_the_threshold_floor_is_the_best_threshold(strings):
    """Over all inputs no threshold on the number of ones, tried here one by one, beats the floor."""
    inputs = list(product((0, 1), repeat=strings))
    agreements = [
        sum(((sum(bits) >= ones) ^ flipped) == sum(bits) % 2 for bits in inputs) / len(inputs)
        for ones in range(strings + 2)
        for flipped in (False, True)
    ]
    floors = {(floor.metric, floor.name): floor.value for floor in BitXor(strings=strings).floors("test")}
    assert floors["accuracy", "threshold on the ones"] == max(agreements)


def test_floors_are_what_the_trivial_predictors_score():
    """Coin and OR, played here on 49,152 samples, score each floor within five standard errors."""
    task = BitXor(length=10)
    assert task.split("train")[0][0].shape == (2, 10)
    samples, targets = map(np.stack, zip(*task.split("train"), strict=True))
    coin = np.random.default_rng(0).integers(2, size=targets.shape)
    predictors = {"chance": coin, "threshold on the ones": samples.any(axis=1).astype(int)}
    counted = {"accuracy": targets.size, "exact_match": len(targets)}
    for floor in task.floors("train"):
        found = scores(task, predictors[floor.name], targets)[floor.metric]
        error = math.sqrt(floor.value * (1 - floor.value) / counted[floor.metric])
        assert abs(found - floor.value) < 5 * error, (floor, found)


def test_exact_match_counts_whole_strings():
    """One wrong bit in one of two samples leaves 9 of 10 bits and 1 of 2 strings right."""
    targets = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
    predictions = targets.copy()
    predictions[0, 2] = 0
    assert scores(BitXor(), predictions, targets) == {"accuracy": pytest.approx(0.9), "exact_match": 0.5}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_a_sequence(name):
    """Length, negative indices, the end, iteration and pickling behave as a list's do."""
    split = BitXor().split(name)
    listed = [sample.tolist() for sample, _ in split]
    assert len(listed) == len(split)
    assert split[-1][0].tolist() == listed[-1]
    assert pickle.loads(pickle.dumps(split))[2][0].tolist() == listed[2]  # noqa: S301 - written here
    for index in (len(split), -len(split) - 1):
        with pytest.raises(IndexError):
            split[index]


def test_changing_an_item_leaves_the_split_as_it_was():
    """Every read returns arrays of its own."""
    split = BitXor().split("test")
    sample, target = split[0]
    expected = sample.tolist(), target.tolist()
    sample[:], target[:] = 9, 9
    assert tuple(array.tolist() for array in split[0]) == expected


@pytest.mark.parametrize(
    "options", [{"length": 1}, {"test_fraction": 0.9}, {"length": 20, "validation_fraction": 1e-6}]
)
def test_fractions_that_leave_a_split_empty_are_refused(options):
    """The error gives the fractions and the number of inputs that they are taken of."""
    with pytest.raises(ConfigurationError, match=r"of \d+ inputs leave a split empty"):
        BitXor(**options)


@pytest.mark.parametrize(
    "option", [{"strings": 1}, {"length": 0}, {"tokens": "words"}, {"test_fraction": 0.0}]
)
def test_options_out_of_range_are_refused(option):
    """Each option has a validator that names it."""
    with pytest.raises(ValueError, match=next(iter(option))):
        BitXor(**option)


def test_a_sample_of_another_shape_is_refused():
    """The error gives both shapes."""
    with pytest.raises(InputError, match=r"\(2, 4\), where \(2, 5\)"):
        fpt_tokenize(BitXor(), [np.zeros((2, 4))])
