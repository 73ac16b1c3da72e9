"""Metrics against scikit-learn on a whole split, however it is cut into batches."""

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from fpt_plugins import (
    accuracy,
    bit_accuracy,
    label_accuracy,
    mean_absolute_error,
    mean_squared_error,
)
from fpt_plugins.target import PADDING_TARGET

CUTS = [[23], [1] * 23, [16, 7], [20, 1, 2], [5, 5, 5, 5, 3]]


def generator(seed=0):
    return np.random.default_rng(seed)


def over_batches(metric, outputs, targets, cut):
    """The ratio of sums over batches of these sizes, as a split is scored."""
    parts = zip(torch.as_tensor(outputs).split(cut), torch.as_tensor(targets).split(cut), strict=True)
    ratios = [metric.score(o, t, None) for o, t in parts]
    assert all(
        above.shape == below.shape == (size,) for (above, below), size in zip(ratios, cut, strict=True)
    )
    return float(sum(above.sum() for above, _ in ratios) / sum(below.sum() for _, below in ratios))


@pytest.mark.parametrize("cut", CUTS)
def test_accuracy_is_that_of_scikit_learn(cut):
    """One class per sample: the share that is right."""
    outputs, targets = generator().normal(size=(23, 4)), generator(1).integers(0, 4, 23)
    expected = reference.accuracy_score(targets, outputs.argmax(1))
    assert over_batches(accuracy, outputs, targets, cut) == pytest.approx(expected)


@pytest.mark.parametrize("cut", CUTS)
def test_accuracy_by_position_counts_real_positions_alone(cut):
    """A class per position: scikit-learn's share over all real positions, garbage at padding or not."""
    outputs, targets = generator().normal(size=(23, 6, 4)), generator(1).integers(0, 4, (23, 6))
    real = np.arange(6) < generator(2).integers(1, 7, (23, 1))
    outputs[~real] = np.nan
    expected = reference.accuracy_score(targets[real], outputs[real].argmax(1))
    padded = np.where(real, targets, PADDING_TARGET)
    assert over_batches(accuracy, outputs, padded, cut) == pytest.approx(expected)


@pytest.mark.parametrize("cut", CUTS)
def test_bit_accuracy_is_that_of_all_bits_together(cut):
    """The share of bits that are right, over all samples."""
    outputs, targets = generator().normal(size=(23, 5, 2)), generator(1).integers(0, 2, (23, 5))
    expected = reference.accuracy_score(targets.ravel(), (outputs[..., 1] > outputs[..., 0]).ravel())
    assert over_batches(bit_accuracy, outputs, targets, cut) == pytest.approx(expected)


@pytest.mark.parametrize("cut", CUTS)
def test_label_accuracy_is_one_minus_the_hamming_loss(cut):
    """The share of labels that are on the right side of one half."""
    outputs, targets = generator().normal(size=(23, 5)), generator(1).random((23, 5)) < 0.3
    expected = 1 - reference.hamming_loss(targets, outputs > 0)
    assert over_batches(label_accuracy, outputs, targets.astype(np.float32), cut) == pytest.approx(expected)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (mean_squared_error, reference.mean_squared_error),
        (mean_absolute_error, reference.mean_absolute_error),
    ],
)
def test_errors_are_those_of_scikit_learn(metric, expected, cut):
    """Squared and absolute errors over all numbers of all samples."""
    outputs, targets = generator().normal(size=(23, 5)), generator(1).normal(size=(23, 5))
    assert over_batches(metric, outputs, targets, cut) == pytest.approx(expected(targets, outputs))


def test_a_perfect_answer_scores_one():
    """And its error is 0."""
    classes = torch.arange(4)
    assert over_batches(accuracy, torch.eye(4), classes, [4]) == 1.0
    assert over_batches(mean_squared_error, torch.eye(4), torch.eye(4), [3, 1]) == 0.0


def test_selection_goes_up_for_shares_and_down_for_errors():
    """Every metric says which way is better."""
    assert [m.higher_is_better for m in (accuracy, bit_accuracy, label_accuracy)] == [True] * 3
    assert [m.higher_is_better for m in (mean_squared_error, mean_absolute_error)] == [False] * 2
