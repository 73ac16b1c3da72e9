"""Bit memory: what its samples are, how they become tokens, and what a score of it means."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fpt_bits.hooks import fpt_tokenize
from fpt_bits.memory import BitMemory
from fpt_plugins import ConfigurationError, InputError, Last

SPLITS = ("train", "validation", "test")
SMALL = {"length": 20, "patch": 5}


def solve(sample):
    """The bits of the one string that agrees with the query wherever the query is visible."""
    *strings, query = sample.tolist()
    agreeing = [row for row in strings if all(q in (0, bit) for bit, q in zip(row, query, strict=True))]
    assert len(agreeing) == 1
    return [int(bit > 0) for bit in agreeing[0]]


def batch_of(task, samples):
    """Samples as the core batches them; all are of one length, so nothing is padded."""
    tokens = torch.stack([torch.from_numpy(tokens) for tokens in fpt_tokenize(task, samples)])
    return SimpleNamespace(tokens=tokens, attention_mask=torch.ones(tokens.shape[:2], dtype=torch.bool))


def scores(task, predictions, targets, batch):
    """Each metric over all samples, from predicted bits ``[B, length]``."""
    outputs = torch.nn.functional.one_hot(torch.as_tensor(predictions), 2).float()
    pairs = {metric.name: metric.score(outputs, torch.as_tensor(targets), batch) for metric in task.metrics}
    return {name: float(right.sum() / total.sum()) for name, (right, total) in pairs.items()}


def test_tokens_are_the_rows_cut_into_patches():
    """Tokens equal a walk over strings and query, patch by patch, written here from the paper's words."""
    task = BitMemory(strings=5, length=1000, patch=50)
    sample, _ = task.split("test")[3]
    expected = [row[start : start + 50] for row in sample.tolist() for start in range(0, 1000, 50)]
    sequences = fpt_tokenize(task, [sample])
    assert sequences.lengths.tolist() == [120]  # paper: 120 tokens of 50
    assert sequences.values.dtype == np.float32
    assert sequences.values.tolist() == expected


def test_a_sample_written_by_hand_becomes_these_tokens():
    """'0' is -1, '1' is +1 and '?' is 0, in the order in which they are written."""
    task = BitMemory(strings=4, length=16, patch=4)
    rows = ["0000000000000001", "0111000000000000", "1010101010101010", "1111111111111111"]
    sample = task.parse({"strings": rows, "query": "01?1????0000??00"})
    tokens = fpt_tokenize(task, [sample])[0]
    assert tokens[0].tolist() == [-1, -1, -1, -1]
    assert tokens[4].tolist() == [-1, 1, 1, 1]
    assert tokens[-4:].tolist() == [[-1, 1, 0, 1], [0, 0, 0, 0], [-1, -1, -1, -1], [0, 0, -1, -1]]


def test_samples_are_tokenized_alone_as_together():
    """A sample's tokens do not depend on what else is tokenized."""
    task = BitMemory(**SMALL)
    samples = [task.split("test")[index][0] for index in range(4)]
    together = fpt_tokenize(task, samples)
    for index, sample in enumerate(samples):
        assert together[index].tolist() == fpt_tokenize(task, [sample])[0].tolist()


def test_declared_shapes_fit_the_tokens():
    """Width, length, readout and target are those of the tokens and targets of every split."""
    task = BitMemory(strings=3, length=60, patch=12)
    assert (task.sequence.width, task.sequence.max_length) == (12, 20)
    assert (task.readout, task.target.size) == (Last(5), 120)
    for name in SPLITS:
        sample, target = task.split(name)[0]
        assert task.tokenize(sample).shape == (20, 12)
        assert (target.shape, target.dtype, set(target.tolist())) == ((60,), np.int64, {0, 1})


@pytest.mark.parametrize("name", SPLITS)
def test_the_target_is_the_string_that_the_query_comes_from(name):
    """Exactly one string agrees with the visible bits, found here by search, and it is the target."""
    split = BitMemory(length=200, patch=20).split(name)
    for index in range(50):
        sample, target = split[index]
        assert solve(sample) == target.tolist()


def test_masked_bits_and_queried_strings_are_as_frequent_as_declared():
    """The masked share and each string's share of the queries are within five standard errors."""
    task = BitMemory(length=100, patch=10, mask=0.3, test_size=1000)
    samples = [sample for sample, _ in task.split("test")]
    masked = np.mean([sample[-1] == 0 for sample in samples])
    assert abs(masked - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 100_000)
    chosen = [
        int(((sample[:-1] == sample[-1]) | (sample[-1] == 0)).all(axis=1).argmax()) for sample in samples
    ]
    shares = np.bincount(chosen, minlength=5) / 1000
    assert np.abs(shares - 0.2).max() < 5 * math.sqrt(0.2 * 0.8 / 1000)


def test_bits_are_fair_and_strings_are_independent():
    """Ones are half of all bits and any two strings agree on half, within five standard errors."""
    rows = np.stack([sample[:-1] for sample, _ in BitMemory().split("validation")]).astype(int)
    assert abs(rows.mean()) < 5 / math.sqrt(rows.size)
    for first in range(5):
        for second in range(first):
            agreement = rows[:, first] * rows[:, second]
            assert abs(agreement.mean()) < 5 / math.sqrt(agreement.size)


def test_floors_are_what_the_trivial_predictors_score():
    """Coin, vote and copy, played here on 2,000 samples, score each floor within five standard errors."""
    for strings, mask in ((5, 0.5), (2, 0.3), (4, 0.8)):
        task = BitMemory(strings=strings, length=100, patch=10, mask=mask, test_size=2000)
        samples, targets = map(np.stack, zip(*task.split("test"), strict=True))
        coin = np.random.default_rng(0).integers(2, size=targets.shape)
        ones = (samples[:, :-1] > 0).sum(axis=1)
        vote = np.where(2 * ones == strings, coin, 2 * ones > strings)
        query = samples[:, -1]
        predictors = {
            "chance": coin,
            "vote of the strings": vote,
            "copy the visible bits": np.where(query == 0, coin, query > 0),
            "copy and vote": np.where(query == 0, vote, query > 0),
        }
        batch = batch_of(task, list(samples))
        bits = {"accuracy": targets.size * mask, "accuracy_all_bits": targets.size}
        for floor in task.floors("test"):
            found = scores(task, predictors[floor.name].astype(int), targets, batch)[floor.metric]
            error = math.sqrt(floor.value * (1 - floor.value) / bits[floor.metric])
            assert abs(found - floor.value) < 5 * error, (floor, found)


def test_the_papers_floor_is_three_quarters():
    """Copying what is visible gives the 75 % that the paper's random and output-only arms report."""
    floors = {(floor.metric, floor.name): floor.value for floor in BitMemory().floors("test")}
    assert floors["accuracy_all_bits", "copy the visible bits"] == 0.75


def test_accuracy_counts_the_masked_bits_alone():
    """A predictor that is right where it is masked and wrong elsewhere scores 1, its opposite 0."""
    task = BitMemory(**SMALL)
    samples, targets = map(np.stack, zip(*[task.split("test")[index] for index in range(8)], strict=True))
    batch, masked = batch_of(task, list(samples)), samples[:, -1] == 0
    found = scores(task, np.where(masked, targets, 1 - targets), targets, batch)
    assert found == {"accuracy": 1.0, "accuracy_all_bits": pytest.approx(masked.mean())}
    found = scores(task, np.where(masked, 1 - targets, targets), targets, batch)
    assert found == {"accuracy": 0.0, "accuracy_all_bits": pytest.approx(1 - masked.mean())}


def test_read_out_positions_are_the_query_in_order():
    """A model that passes its tokens through gets every visible bit right: outputs and bits are aligned."""
    task = BitMemory(**SMALL)
    samples, targets = map(np.stack, zip(*[task.split("test")[index] for index in range(8)], strict=True))
    batch = batch_of(task, list(samples))
    read = task.readout.pool(batch.tokens, batch.attention_mask)  # [B, n, patch]
    outputs = task.target.shape(torch.stack([-read, read], dim=-1).flatten(1))
    visible = samples[:, -1] != 0
    assert (outputs.argmax(-1).numpy() == targets)[visible].all()


def test_splits_are_disjoint_by_content():
    """No strings occur twice, within a split or in two, at the smallest size that is allowed."""
    task = BitMemory(strings=4, length=16, patch=4, train_size=5000, test_size=500)
    contents = [sample[:-1].tobytes() for name in SPLITS for sample, _ in task.split(name)]
    assert len(contents) == len(set(contents)) == 5000 + 256 + 500


def test_samples_are_a_function_of_seed_split_and_index():
    """Reading again gives the same sample; another seed, split or index gives another one."""
    task = BitMemory(**SMALL)
    again, other = BitMemory(**SMALL), BitMemory(data_seed=1, **SMALL)
    sample = task.split("test")[5][0].tolist()
    assert again.split("test")[5][0].tolist() == sample
    others = [other.split("test")[5], task.split("train")[5], task.split("test")[6]]
    assert all(found[0].tolist() != sample for found in others)


def test_the_global_generators_change_nothing():
    """A sample of the fresh split is the same whatever the global generators were seeded with."""
    split = BitMemory(**SMALL).split("train")
    torch.manual_seed(1)
    first = split[0][0].tolist()
    torch.manual_seed(2)
    assert split[0][0].tolist() == first


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_a_sequence(name):
    """Length, negative indices, the end, iteration and pickling behave as a list's do."""
    split = BitMemory(train_size=6, validation_size=5, test_size=7, **SMALL).split(name)
    assert len(split) == {"train": 6, "validation": 5, "test": 7}[name]
    listed = [sample.tolist() for sample, _ in split]
    assert len(listed) == len(split)
    assert split[-1][0].tolist() == listed[-1]
    assert pickle.loads(pickle.dumps(split))[2][0].tolist() == listed[2]  # noqa: S301 - written here
    for index in (len(split), -len(split) - 1):
        with pytest.raises(IndexError):
            split[index]


def test_changing_an_item_leaves_the_split_as_it_was():
    """Every read returns arrays of its own."""
    split = BitMemory(**SMALL).split("test")
    sample, target = split[0]
    expected = sample.tolist(), target.tolist()
    sample[:], target[:] = 9, 9
    assert tuple(array.tolist() for array in split[0]) == expected


def test_the_train_split_does_not_repeat_within_the_recipe():
    """The declared steps and batch fit into the samples that there are to train on."""
    task = BitMemory()
    assert task.recipe.steps * task.recipe.batch_size <= len(task.split("train"))


@pytest.mark.parametrize(
    ("options", "found", "remedy"),
    [
        ({"patch": 30}, "patch=30 does not divide length=1000", "--option patch=25"),
        ({"strings": 2, "length": 31, "patch": 1}, "2 strings of 31 bits", "a length of 32 or more"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, found, remedy):
    """The error names the values and offers ones that fit."""
    with pytest.raises(ConfigurationError) as refusal:
        BitMemory(**options)
    assert found in refusal.value.message
    assert remedy in refusal.value.remedy


@pytest.mark.parametrize(
    "option", [{"mask": 0.0}, {"mask": 1.5}, {"strings": 0}, {"patch": 0}, {"length": -1}, {"data_seed": -1}]
)
def test_options_out_of_range_are_refused(option):
    """Each option has a validator that names it."""
    with pytest.raises(ValueError, match=next(iter(option))):
        BitMemory(**option)


@pytest.mark.parametrize("shape", [(5, 20), (6, 19), (6,), (0, 20)])
def test_a_sample_of_another_shape_is_refused(shape):
    """The error gives both shapes."""
    with pytest.raises(InputError) as refusal:
        fpt_tokenize(BitMemory(**SMALL), [np.zeros(shape)])
    assert str(shape) in str(refusal.value)
    assert "(6, 20)" in str(refusal.value)


def test_a_sample_is_drawn_from_its_own_place_in_the_stream():
    """Whatever was read before, sample i is what a Philox generator made anew with the counter i draws."""
    task = BitMemory(strings=3, length=50, patch=10, mask=0.4, test_size=40)
    split, key = task.split("test"), np.random.SeedSequence(0, spawn_key=(2,)).generate_state(2, np.uint64)
    for place in (7, 0, 39, 7):
        generator = np.random.Generator(np.random.Philox(key=key, counter=(0, 0, 0, place)))
        strings = np.where(generator.integers(2, size=(3, 50), dtype=np.bool_), 1, -1)
        query = strings[generator.integers(3)]
        hidden = np.where(generator.random(50) >= 0.4, query, 0)
        sample, target = split[place]
        assert sample.tolist() == [*strings.tolist(), hidden.tolist()]
        assert target.tolist() == (query == 1).tolist()
