"""Samples and targets that are not what their task declares are refused by number and reason."""

from typing import Any

import attrs
import numpy as np
import pytest

from fpt_plugins import (
    BitVector,
    Classes,
    Every,
    Flatten,
    InputError,
    Labels,
    Last,
    Mean,
    PluginError,
    RealVector,
    Sequences,
    TokenIds,
    Vectors,
)
from fpt_plugins.data import FreshSplit, tokenize, tokenized
from fpt_plugins.sample_checks import check_sequences, checked_target
from fpt_plugins.target import PADDING_TARGET

NAN, INF = float("nan"), float("inf")
IDS = TokenIds(vocabulary="0123", max_length=4)
PAIRS = Vectors(width=2, max_length=4)
MEAN, CLASSES = Mean(), Classes("abc")


@attrs.frozen
class Declared:
    """As much of a task as the checks read."""

    sequence: Any = IDS
    readout: Any = MEAN
    target: Any = CLASSES
    name: str = "toy/toy"


class Joined:
    """Stands for the plugins: a sample is its tokens."""

    def tokenize(self, task, samples):
        return Sequences.of(samples)


def pairs(*numbers, dtype=np.float64):
    return np.array(numbers, dtype=dtype).reshape(-1, 2)


ACCEPTED = [
    (Declared(), [0, 3]),
    (Declared(), np.array([1, 0], dtype=bool)),
    (Declared(), np.array([3], dtype=np.uint8)),
    (Declared(readout=Last(2)), [1, 2]),
    (Declared(readout=Flatten(3)), [1, 2, 3]),
    (Declared(PAIRS), pairs(0, -1)),
    (Declared(PAIRS), pairs(1, 2, dtype=np.int64)),
    (Declared(PAIRS), pairs(60_000, 2, dtype=np.float16)),
    (Declared(PAIRS), pairs(np.finfo(np.float32).max, np.finfo(np.float32).min)),
]


@pytest.mark.parametrize(("task", "sample"), ACCEPTED)
def test_what_is_declared_is_accepted(task, sample):
    """Every type that holds the declared values is taken, up to the bounds."""
    check_sequences(task, Sequences.of([sample]), [0])


REFUSED = [
    (Declared(), [], "0 tokens, where toy/toy takes 1 to 4"),
    (Declared(), [0] * 5, "5 tokens, where toy/toy takes 1 to 4"),
    (Declared(readout=Last(3)), [0, 0], "2 tokens, where toy/toy takes 3 to 4"),
    (Declared(readout=Flatten(3)), [0] * 2, "2 tokens, where toy/toy takes 3 to 3"),
    (Declared(readout=Flatten(3)), [0] * 4, "4 tokens, where toy/toy takes 3 to 3"),
    (Declared(), [0, 4], "a token is 4 of shape .*takes ids from 0 to 3"),
    (Declared(), [-1], "a token is -1 "),
    (Declared(), np.array([2**63], dtype=np.uint64), "a token is 9223372036854775808 "),
    (Declared(), [1.0], r"a token is 1\. "),
    (Declared(), [NAN], "a token is nan "),
    (Declared(), ["a"], "a token is 'a' "),
    (Declared(), [[1, 2]], r"a token is \[1 2\] of shape \(2,\)"),
    (Declared(PAIRS), pairs(0, NAN), r"a token is \[ *0\. *nan\] .*takes finite vectors of width 2"),
    (Declared(PAIRS), pairs(0, -INF), "a token is .*-inf"),
    (Declared(PAIRS), pairs(0, 1e39), r"a token is .*1\.e\+39"),
    (Declared(PAIRS), pairs(0, INF, dtype=np.float16), "a token is .*inf"),
    (Declared(PAIRS), pairs(0, 1j, dtype=complex), "a token is "),
    (Declared(PAIRS), np.array([["a", "b"]]), "a token is "),
    (Declared(PAIRS), np.ones((1, 3)), r".*of shape \(3,\), where toy/toy takes finite vectors of width 2"),
    (Declared(PAIRS), np.ones(2), r".*of shape \(\), where"),
]


@pytest.mark.parametrize(("task", "sample", "message"), REFUSED)
def test_a_sample_that_is_no_sequence_is_refused_with_the_reason(task, sample, message):
    """The message says what was found and what the task takes."""
    with pytest.raises(InputError, match=f"^sample 70: {message}"):
        check_sequences(task, Sequences.of([sample]), [70])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("bad", [[0, 0, 4], [0] * 5])
def test_the_bad_sample_among_good_ones_is_named(place, bad):
    """Behind samples of any length, it is the bad one's place in the split that the message says."""
    samples, indices = [[1], [2, 2, 2, 2], [3, 3], [0]], [50, 20, 70, 60]
    samples[place] = bad
    with pytest.raises(InputError, match=f"^sample {indices[place]}: "):
        check_sequences(Declared(), Sequences.of(samples), indices)


class Broken:
    """A plugin that gives a batch of its own making."""

    def __init__(self, lengths, tokens):
        self.answer = Sequences(np.zeros(tokens, dtype=int), np.array(lengths))

    def tokenize(self, task, samples):
        return self.answer


@pytest.mark.parametrize(("lengths", "tokens"), [([1, 1, 1], 3), ([1], 1), ([2, 2], 3), ([1, 1], 3)])
def test_a_batch_that_does_not_add_up_is_the_plugins_fault(lengths, tokens):
    """As many sequences as samples, and as many tokens as the lengths say: else samples would be mixed up."""
    with pytest.raises(PluginError, match="toy/toy: fpt_tokenize made"):
        tokenize(Broken(lengths, tokens), Declared(), [[0], [0]])


def test_a_negative_length_is_no_way_around():
    """Lengths that sum to the tokens and are none are refused as lengths."""
    with pytest.raises(InputError, match=r"^sample 1: -1 tokens"):
        tokenize(Broken([3, -1], 2), Declared(), [[0], [0]])


TAKEN = [
    (CLASSES, 0, 0),
    (CLASSES, np.uint8(2), 2),
    (Labels("ab"), [0, 1], [0.0, 1.0]),
    (Labels("ab"), np.array([True, False]), [1.0, 0.0]),
    (BitVector(2), np.array([0, 1], dtype=np.int8), [0, 1]),
    (RealVector(2), [-1, 1e30], [-1.0, np.float32(1e30)]),
]


@pytest.mark.parametrize(("target", "given", "expected"), TAKEN)
def test_a_target_is_taken_in_its_own_type(target, given, expected):
    """Any type that holds the value becomes the type that the target declares."""
    found = checked_target(Declared(target=target), given, 4, 0)
    assert (found.dtype, found.tolist()) == (np.dtype(target.dtype), np.array(expected).tolist())


WRONG = [
    (CLASSES, 99, "the target is 99 of shape .* takes int64 of shape .* from 0 to 2"),
    (CLASSES, -1, "the target is -1 "),
    (CLASSES, PADDING_TARGET, "the target is -100 "),
    (CLASSES, 1.0, r"the target is 1\. "),
    (CLASSES, NAN, "the target is nan "),
    (CLASSES, None, "the target is None "),
    (CLASSES, "a", "the target is 'a' "),
    (CLASSES, [1], r"the target is \[1\] of shape \(1,\)"),
    (Labels("ab"), [0, 2], r"the target is \[0 2\] of shape .* takes float32 of shape \(2,\) from 0 to 1"),
    (Labels("ab"), [0, NAN], "the target is .*nan"),
    (Labels("ab"), [1], r".*of shape \(1,\)"),
    (BitVector(2), [0, 2], r"the target is \[0 2\]"),
    (BitVector(2), [0.0, 1.0], "the target is "),
    (BitVector(2), [0, 1, 1], r".*of shape \(3,\)"),
    (RealVector(2), [0.0, NAN], "the target is .*nan"),
    (RealVector(2), [0.0, INF], "the target is .*inf"),
    (RealVector(2), [0.0, 1e39], "the target is .*from -3.40282e.38 to 3.40282e.38"),
    (RealVector(2), 1.0, r".*of shape \(\), where"),
]


@pytest.mark.parametrize(("target", "given", "message"), WRONG)
def test_a_target_out_of_range_is_refused_by_the_samples_index(target, given, message):
    """Its own number in the split is named, and what the task takes."""
    task = Declared(target=target)
    with pytest.raises(InputError, match=f"^sample 17: {message}"):
        checked_target(task, given, 4, 17)


def test_targets_by_position_are_as_many_as_the_tokens():
    """With the readout ``Every`` each token has a class, or the padding target to be passed over."""
    task = Declared(readout=Every())
    assert checked_target(task, [2, PADDING_TARGET, 0], 3, 0).tolist() == [2, PADDING_TARGET, 0]
    for wrong in ([2, 0], [2, 0, 1, 1], [2, 0, 3], [2, -1, 0], 1):
        with pytest.raises(InputError, match=r"^sample 5: .*takes int64 of shape \(3,\) from 0 to 2"):
            checked_target(task, wrong, 3, 5)


@pytest.mark.parametrize(
    ("sample", "target", "message"), [([9], 0, "a token is 9"), ([1], 9, "the target is 9")]
)
def test_reading_a_split_names_the_sample(sample, target, message):
    """Whether a split is tokenized at once or drawn in batches, the index is that of the split."""
    dataset = [([1], 0)] * 600
    dataset[555] = (sample, target)
    with pytest.raises(InputError, match=f"^sample 555: {message}"):
        list(tokenized(Joined(), Declared(), dataset, "train"))
    with pytest.raises(InputError, match=f"^sample 555: {message}"):
        FreshSplit(Declared(), Joined(), dataset, 0).batch([(3, 0), (555, 0)])
