"""Floors against scikit-learn's own dummy and nearest-centroid classifiers, and against simulation."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import NearestCentroid

from fpt_images.floors import floors, nearest_mean
from fpt_images.labeled import LabeledPictures
from fpt_images.tasks import Cifar10, Digits

# Its shrinkage, which is not used here, would miss the pixels that are black in a whole class.
pytestmark = pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")

SPLITS = ("train", "validation", "test")


def flat(labeled):
    return labeled.pictures.reshape(len(labeled), -1).astype(float), labeled.labels


@pytest.mark.parametrize("split", SPLITS)
def test_the_digits_floors(split):
    """Majority and nearest mean are scikit-learn's, trained on the training split."""
    task = Digits()
    train, scored = flat(task.labeled("train")), flat(task.labeled(split))
    found = {floor.name: floor for floor in task.floors(split)}
    assert list(found) == ["chance", "majority class", "nearest class mean"]
    assert {floor.metric for floor in found.values()} == {"accuracy"}
    majority = DummyClassifier(strategy="most_frequent").fit(*train).score(*scored)
    assert found["majority class"].value == pytest.approx(majority)
    assert found["nearest class mean"].value == pytest.approx(NearestCentroid().fit(*train).score(*scored))
    assert f"of {split}" in found["majority class"].source


def test_chance_against_simulation():
    """Uniform guesses on the digits: 2,000 rounds of 300 come within four standard errors of 1/10."""
    task = Digits()
    labels = task.labeled("test").labels
    guesses = np.random.default_rng(0).integers(0, 10, (2000, len(labels)))
    error = np.sqrt(0.1 * 0.9 / guesses.size)
    assert abs((guesses == labels).mean() - task.floors("test")[0].value) < 4 * error


def test_the_majority_is_chosen_on_training_data():
    """Where test data has another majority, the training data's is scored."""
    pictures = np.zeros((4, 1, 1, 1), np.uint8)
    train, test = (
        LabeledPictures(pictures, np.array([0, 0, 0, 1])),
        LabeledPictures(pictures, np.array([0, 1, 1, 1])),
    )
    assert floors(train, test, ("a", "b"), "test")[1].value == 0.25


def test_a_class_without_training_pictures_is_never_nearest(random):
    """Only classes that were seen have a mean."""
    train = LabeledPictures(random(4, 2, 3, seed=0), np.array([2, 2, 5, 5]))
    assert set(nearest_mean(train, LabeledPictures(random(50, 2, 3, seed=1), np.zeros(50, int)))) <= {2, 5}


def test_more_pictures_than_one_chunk(random):
    """Distances are computed in chunks, and the last one is short: all are as scikit-learn's."""
    train = LabeledPictures(random(50, 4, 3, seed=0), np.arange(50) % 7)
    scored = LabeledPictures(random(2500, 4, 3, seed=1), np.zeros(2500, int))
    expected = NearestCentroid().fit(*flat(train)).predict(flat(scored)[0])
    assert np.array_equal(nearest_mean(train, scored), expected)


def test_cifar10s_floors_from_files(tmp_path, write, cifar_batches):
    """Ten classes equally often: chance and majority are a tenth on the test batch."""
    write.cifar(tmp_path / "cifar10", cifar_batches)
    chance, majority, _ = Cifar10(data_root=tmp_path).floors("test")
    assert (chance.value, majority.value) == (0.1, 0.1)
