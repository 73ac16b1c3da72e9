"""Splits: disjoint by content, seeded, the same on every machine, and data sets as PyTorch expects them."""

import hashlib
import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest

from fpt_images.labeled import LabeledPictures, published, three_ways, two_ways, without_copies
from fpt_images.tasks import Digits, Mnist

SPLITS = ("train", "validation", "test")


def contents(data):
    return [picture.tobytes() for picture, _ in data]


@pytest.fixture(scope="module")
def digits():
    """The three splits of the digits."""
    task = Digits()
    return {split: list(task.split(split)) for split in SPLITS}


def test_the_digits_are_all_there_once(digits):
    """1,197, 300 and 300 pictures, together scikit-learn's 1,797 with their classes, none of them twice."""
    from sklearn.datasets import load_digits

    assert [len(digits[split]) for split in SPLITS] == [1197, 300, 300]
    found = {picture.tobytes(): label for split in SPLITS for picture, label in digits[split]}
    source = load_digits()
    expected = {
        image.astype(np.uint8).tobytes(): label
        for image, label in zip(source.images, source.target, strict=True)
    }
    assert found == expected
    assert len(expected) == 1797


def test_the_draw_by_another_computation(digits):
    """Test and validation are the first 300 and the next 300 in the order of SHA-256 over key and content."""
    everything = {content for split in SPLITS for content in contents(digits[split])}

    def order(content):
        return hashlib.sha256(b"fpt-images 0 " + hashlib.sha256(content).digest()).hexdigest()

    drawn = sorted(everything, key=order)
    assert set(contents(digits["test"])) == set(drawn[:300])
    assert set(contents(digits["validation"])) == set(drawn[300:600])


def test_another_seed_draws_other_pictures(digits):
    """About 300 * 300 / 1,797 = 50 of 300 test pictures are shared by two seeds (hypergeometric, sd 6)."""
    other = set(contents(Digits(data_seed=1).split("test")))
    assert 20 < len(other & set(contents(digits["test"]))) < 80


def test_the_draw_does_not_depend_on_hash_seeds():
    """Two processes with other PYTHONHASHSEEDs draw the same pictures."""
    code = (
        "import numpy as np, hashlib; from fpt_images.labeled import *;"
        "x = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 1), dtype=np.uint8);"
        "y = three_ways(LabeledPictures(x, np.arange(200)), 'test', 30, 5);"
        "print(len(y), hashlib.sha256(y.labels.tobytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert found.pop().startswith("30 ")


def labeled(values):
    """Pictures of one pixel, told apart by its value."""
    array = np.array(values, dtype=np.uint8)
    return LabeledPictures(array.reshape(-1, 1, 1, 1), np.arange(len(array)))


def values(pictures):
    return pictures.pictures.ravel().tolist()


@pytest.mark.parametrize("seed", range(20))
def test_copies_stay_on_one_side(seed):
    """With three copies of each of 30 pictures, no picture is in two splits, and none is lost."""
    every = labeled(list(range(30)) * 3)
    parts = [values(three_ways(every, split, 9, seed)) for split in SPLITS]
    assert sorted(itertools.chain(*parts)) == sorted(values(every))
    assert [len(part) for part in parts] == [72, 9, 9]
    assert not set(parts[0]) & set(parts[1]) | set(parts[0]) & set(parts[2]) | set(parts[1]) & set(parts[2])


def test_a_content_with_too_many_copies_is_passed_over():
    """Where copies do not fit in what is still to be held out, other pictures are drawn."""
    every = labeled([1] * 5 + [2, 3, 4])
    assert values(two_ways(every, "validation", 3, seed=0)) == [2, 3, 4]


def test_copies_of_test_pictures_do_not_train():
    """Published training pictures that are in the test files are left out; the test stays whole."""
    files = {"train": labeled([*range(20), 100, 101]), "test": labeled([100, 101, 102])}
    parts = {split: values(published(files.get, split, 0.1, 0)) for split in SPLITS}
    assert parts["test"] == [100, 101, 102]
    assert sorted(parts["train"] + parts["validation"]) == list(range(20))
    assert len(parts["validation"]) == 2  # a tenth of 22


def test_without_copies_keeps_order_and_labels():
    """What is left is as it was."""
    left = without_copies(labeled([5, 6, 7, 6]), labeled([6]), labeled([9]))
    assert values(left) == [5, 7]
    assert left.labels.tolist() == [0, 2]


def test_mnists_copies_are_left_out(mnist, write):
    """From files to splits: a training picture that is copied from the test file is in no training split."""
    pictures = mnist.pictures.copy()
    pictures[5] = pictures[60]
    write.mnist(mnist.root / "mnist", (pictures[:60], mnist.labels[:60]), (pictures[60:], mnist.labels[60:]))
    parts = {split: contents(Mnist(data_root=mnist.root).split(split)) for split in SPLITS}
    assert [len(parts[split]) for split in SPLITS] == [53, 6, 20]
    assert not set(parts["train"] + parts["validation"]) & set(parts["test"])


def test_a_data_set_is_a_map(digits):
    """Length, indices from both ends, IndexError past them, and iteration that ends and begins again."""
    data = Digits().split("validation")
    assert len(data) == len(list(data)) == len(list(data)) == 300
    assert np.array_equal(data[-1][0], data[299][0])
    assert data[-300][1] == data[0][1]
    for index in (300, -301):
        with pytest.raises(IndexError):
            data[index]


def test_an_item_is_the_readers_own():
    """Changing what was read does not change the data set."""
    data = Digits().split("validation")
    before = data[0][0].copy()
    data[0][0][:] = 99
    assert np.array_equal(data[0][0], before)


def test_a_data_set_can_be_pickled():
    """Loader workers may be spawned: a copy through pickle holds the same."""
    data = Digits().split("validation")
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301 # our own
    assert contents(copy) == contents(data)
    assert isinstance(copy[0][1], int)
