"""Floors and the top-5 score, against scikit-learn, counting and simulation."""

from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.metrics import top_k_accuracy_score
from sklearn.neighbors import NearestCentroid

from fpt_proteins.dataset import ProteinDataset
from fpt_proteins.floors import compositions
from fpt_proteins.floors import floors as floors_of
from fpt_proteins.proteins import Protein, Selection
from fpt_proteins.tasks import Fasta, RemoteHomology
from fpt_proteins.vocabulary import AMINO_ACIDS

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def task():
    """The synthetic sample."""
    return RemoteHomology(source="sample")


@pytest.fixture(scope="module")
def floors(task):
    """Its floors by split, metric and name."""
    return {(name, f.metric, f.name): f.value for name in SPLITS for f in task.floors(name)}


def frequencies(split):
    return np.stack([[np.mean(np.array(list(sequence)) == a) for a in AMINO_ACIDS] for sequence, _ in split])


def labels(split):
    return np.array([label for _, label in split])


def test_chance_is_what_guessing_scores(task, floors):
    """A million uniform guesses hit within five deviations of 1/8 and, five of them at once, of 5/8."""
    generator = np.random.default_rng(0)
    truth = generator.integers(8, size=1_000_000)
    guesses = generator.permuted(np.tile(np.arange(8), (1_000_000, 1)), axis=1)
    first, any_of_5 = (guesses[:, 0] == truth).mean(), (guesses[:, :5] == truth[:, None]).any(axis=1).mean()
    assert len(task.target.names) == 8
    assert abs(first - floors["test", "accuracy", "chance"]) < 5 * np.sqrt(1 / 8 * 7 / 8 / 1e6)
    assert abs(any_of_5 - floors["test", "top_5_accuracy", "chance"]) < 5 * np.sqrt(5 / 8 * 3 / 8 / 1e6)


def test_chance_of_tapes_folds(tape):
    """With TAPE's 1,195 folds chance is 1/1195, and 5/1195 in the top five."""
    for part in ("train", "valid", "test_fold_holdout"):
        tape.write_json(part, tape.records(8, start=8 * tape.PARTS.index(part)))
    found = {
        (f.metric, f.name): f.value for f in RemoteHomology(data_root=tape.data_root).floors("validation")
    }
    assert found["accuracy", "chance"] == pytest.approx(1 / 1195)
    assert found["top_5_accuracy", "chance"] == pytest.approx(5 / 1195)


@pytest.mark.parametrize("split", SPLITS)
def test_the_commonest_classes_are_counted_on_training_data(task, floors, split):
    """What is commonest in training, counted here by ``Counter``, is scored on the split."""
    common = [label for label, _ in Counter(labels(task.split("train")).tolist()).most_common(5)]
    scored = labels(task.split(split))
    assert floors[split, "accuracy", "majority class"] == pytest.approx((scored == common[0]).mean())
    assert floors[split, "top_5_accuracy", "commonest classes"] == pytest.approx(
        np.isin(scored, common).mean()
    )


def test_the_majority_is_that_of_training_data():
    """Training has most of class c, the scored proteins of class a: the floor is c's share of those, 1/3."""

    def dataset(labels):
        return ProteinDataset(Selection([Protein("", "MKV", label) for label in labels]), "abc")

    found = {
        floor.name: floor.value for floor in floors_of(dataset("cccab"), dataset("aac"), "abc", "test")[:3]
    }
    assert found["majority class"] == pytest.approx(1 / 3)
    assert found["chance"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("split", SPLITS)
def test_the_nearest_composition_is_scikit_learns_nearest_centroid(task, floors, split):
    """Frequencies counted by NumPy and classified by ``NearestCentroid`` give the same scores."""
    train, scored = task.split("train"), task.split(split)
    known, asked = frequencies(train), frequencies(scored)
    assert np.allclose(compositions(scored), asked)
    used = known.any(axis=0)  # scikit-learn warns of letters that stand nowhere
    model = NearestCentroid().fit(known[:, used], labels(train))
    accuracy = model.score(asked[:, used], labels(scored))
    assert floors[split, "accuracy", "nearest composition"] == pytest.approx(accuracy)
    distances = np.linalg.norm(asked[:, None, used] - model.centroids_, axis=2)
    top_5 = top_k_accuracy_score(labels(scored), -distances, k=5, labels=model.classes_)
    assert floors[split, "top_5_accuracy", "nearest compositions"] == pytest.approx(top_5)


def test_top_5_accuracy_is_scikit_learns():
    """On 300 random rows of 40 outputs the sums give ``top_k_accuracy_score``; of 3 classes all count."""
    outputs, targets = (
        torch.randn(300, 40, generator=torch.Generator().manual_seed(0)),
        torch.arange(300) % 40,
    )
    right, counted = Fasta.metrics[1].score(outputs, targets, None)
    expected = top_k_accuracy_score(targets.numpy(), outputs.numpy(), k=5)
    assert (right.sum() / counted.sum()).item() == pytest.approx(expected)
    right, counted = Fasta.metrics[1].score(outputs[:, :3], targets % 3, None)
    assert right.sum() == counted.sum() == 300


def test_every_metric_has_its_floors(task):
    """Each metric that is reported stands beside three floors, each with where it comes from."""
    counts = Counter(floor.metric for floor in task.floors("test"))
    assert counts == {metric.name: 3 for metric in task.metrics}
    assert all(floor.source for floor in task.floors("test"))
