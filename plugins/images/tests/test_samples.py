"""What fpt predict is given: JSON on a line, and files."""

import gzip

import numpy as np
import pytest
from PIL import Image

from fpt_images.tasks import Cifar10, Cifar10Lra, Digits, Folder, Mnist
from fpt_plugins import InputError


@pytest.mark.parametrize(
    "task", [Cifar10(), Cifar10Lra(), Digits(), Folder(), Mnist(), Mnist(size=28)], ids=str
)
def test_a_sample_as_json_is_the_sample(task, random):
    """Nested lists of a sample's numbers give it back, bare or as pixels, with channels or without."""
    layout = task.layout
    sample = random(1, layout.side, layout.channels, seed=0, shades=layout.white + 1)[0]
    for value in (sample.tolist(), {"pixels": sample.tolist()}):
        parsed = task.parse(value)
        assert parsed.dtype == np.uint8
        assert np.array_equal(parsed, sample)
    if layout.channels == 1:
        assert np.array_equal(task.parse(sample[..., 0].tolist()), sample)


def test_mnist_may_come_without_its_border(random):
    """28 by 28 numbers are put in the border, as the files' are."""
    picture = random(1, 28, 1, seed=0)[0]
    expected = np.pad(picture, ((2, 2), (2, 2), (0, 0)))
    assert np.array_equal(Mnist().parse(picture[..., 0].tolist()), expected)


def test_colors_are_fitted(random):
    """A color picture comes to a grey task as Pillow's grey; a grey one to a color task in each channel."""
    color, grey = random(1, 32, 3, seed=0)[0], random(1, 32, 1, seed=1)[0]
    luma = np.array(Image.fromarray(color).convert("L"))
    assert np.array_equal(Cifar10Lra().parse(color.tolist())[..., 0], luma)
    assert np.array_equal(Cifar10().parse(grey.tolist()), np.concatenate([grey] * 3, axis=2))


EIGHT = [[0] * 8] * 8


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "object of shape ()"),
        ("zero", "is not a picture"),
        (7, "int64 of shape ()"),
        ([], "of shape (0,)"),
        ([[]] * 8, "of shape (8, 0)"),
        ([[0] * 8] * 7 + [[0] * 7], "the rows are of several lengths"),
        ([[0] * 8] * 7, "7 by 8 pixels, where 8 by 8 are expected"),
        ([[0] * 9] * 8, "8 by 9 pixels"),
        ([[[0, 0]] * 8] * 8, "of shape (8, 8, 2)"),
        ([[[[0]]] * 8] * 8, "of shape (8, 8, 1, 1)"),
        ([[0.5] * 8] * 8, "float64 of shape (8, 8)"),
        ([[True] * 8] * 8, "bool of shape (8, 8)"),
        ([["0"] * 8] * 8, "is not a picture"),
        ([[2**70] * 8] * 8, "object of shape (8, 8)"),
        ([[None] * 8] * 8, "object of shape (8, 8)"),
        ([[17] * 8] * 8, "numbers from 17 to 17, where a pixel is 0 to 16"),
        ([[-1] * 8] * 8, "numbers from -1 to -1"),
        ({"pixel": EIGHT}, "the sample has the fields pixel"),
        ({"pixels": EIGHT, "label": 3}, "the sample has the fields pixels, label"),
        ({}, "the sample has the fields none"),
        ({"pixels": None}, "object of shape ()"),
    ],
)
def test_other_json_is_refused(value, message):
    """Every other value is an InputError that says what was found."""
    with pytest.raises(InputError) as caught:
        Digits().parse(value)
    assert message in str(caught.value)


def test_a_picture_file(tmp_path, random):
    """A PNG file is one sample under its path."""
    pixels = random(1, 32, 3, seed=0)[0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    [(name, sample)] = Cifar10().read(tmp_path / "a.png")
    assert name == str(tmp_path / "a.png")
    assert np.array_equal(sample, pixels)


@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_file(tmp_path, write, random, zipped):
    """Each picture of an IDX file is a sample, in its border, under the file's path and its number."""
    pictures = random(3, 28, 1, seed=0)[..., 0]
    path = tmp_path / "mine"
    path.write_bytes(gzip.compress(write.idx(pictures)) if zipped else write.idx(pictures))
    found = dict(Mnist().read(path))
    assert list(found) == [f"{path}:{record}" for record in range(3)]
    assert np.array_equal(found[f"{path}:2"][2:30, 2:30, 0], pictures[2])


def test_a_cifar_batch(tmp_path, write, cifar_batches):
    """Each record of a binary batch is a sample."""
    path = tmp_path / "test_batch.bin"
    path.write_bytes(write.binary_batch(*cifar_batches[0]))
    found = dict(Cifar10().read(path))
    assert list(found)[9] == f"{path}:9"
    assert np.array_equal(np.stack([*found.values()]), cifar_batches[0][0])


@pytest.mark.parametrize("name", ["a.png", "a.bin", "a.gz"])
def test_other_files_are_refused_by_name(tmp_path, name):
    """Text, whatever it is called, and a file that is not there."""
    path = tmp_path / name
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            list(Mnist().read(path))
        assert str(path) in str(caught.value)
        path.write_text("not a picture")


def test_a_damaged_idx_file_is_refused_by_name(tmp_path, write, random):
    """What starts as IDX and ends early is refused as IDX."""
    path = tmp_path / "mine"
    path.write_bytes(write.idx(random(3, 28, 1, seed=0)[..., 0])[:-1])
    with pytest.raises(
        InputError, match="2,351 bytes follow the header, where its sizes 3 x 28 x 28 give 2,352"
    ):
        list(Mnist().read(path))
