"""MNIST from IDX files that the tests write byte for byte."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from fpt_images.idx import LABELS, PICTURES, read_idx
from fpt_images.tasks import Mnist
from fpt_plugins import InputError

IMAGES, LABELS_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def everything(task, split):
    samples = list(task.split(split))
    return [picture for picture, _ in samples], [label for _, label in samples]


def test_the_pictures_are_those_of_the_files(mnist):
    """The test split is the test files, in their order; at 28 pixels nothing is added."""
    pictures, labels = everything(Mnist(data_root=mnist.root, size=28), "test")
    assert np.array_equal(np.stack(pictures)[..., 0], mnist.pictures[60:])
    assert labels == mnist.labels[60:].tolist()


def test_32_pixels_are_28_in_a_black_border(mnist):
    """The border is two pixels of zeros on each side."""
    pictures, _ = everything(Mnist(data_root=mnist.root), "test")
    whole = np.stack(pictures)[..., 0]
    assert np.array_equal(whole[:, 2:30, 2:30], mnist.pictures[60:])
    assert whole.sum(dtype=int) == mnist.pictures[60:].sum(dtype=int)


def test_train_and_validation_are_the_training_files(mnist):
    """Together they are the training files, each picture once with its class; a tenth validates."""
    task = Mnist(data_root=mnist.root, size=28)
    parts = [everything(task, split) for split in ("train", "validation")]
    assert [len(labels) for _, labels in parts] == [54, 6]
    found = {picture.tobytes(): label for part in parts for picture, label in zip(*part, strict=True)}
    assert found == {mnist.pictures[i].tobytes(): mnist.labels[i] for i in range(60)}


def test_the_papers_variant_trains_on_all_and_validates_on_test(mnist):
    """As the reference code: no picture is held out for validation."""
    task = Mnist(data_root=mnist.root, size=28, variant="paper")
    assert np.array_equal(np.stack(everything(task, "train")[0])[..., 0], mnist.pictures[:60])
    for split in ("validation", "test"):
        assert np.array_equal(np.stack(everything(task, split)[0])[..., 0], mnist.pictures[60:])


def test_gzipped_files_hold_the_same(mnist, write, tmp_path):
    """The published .gz files and plain ones give the same splits."""
    train, test = ((mnist.pictures[part], mnist.labels[part]) for part in (slice(60), slice(60, None)))
    write.mnist(tmp_path / "zipped" / "mnist", train, test, zipped=True)
    for split in ("train", "validation", "test"):
        plain, zipped = (
            everything(Mnist(data_root=root), split) for root in (mnist.root, tmp_path / "zipped")
        )
        assert np.array_equal(plain[0], zipped[0])
        assert plain[1] == zipped[1]


def test_idx_is_big_endian_and_row_major(tmp_path):
    """A file of two pictures of 2 by 3, written out by hand."""
    path = tmp_path / "file"
    path.write_bytes(bytes.fromhex("00000803 00000002 00000002 00000003 000102030405 060708090a0b"))
    assert read_idx(path, PICTURES).tolist() == np.arange(12).reshape(2, 2, 3).tolist()


def damaged(mnist, name, change):
    path = mnist.root / "mnist" / name
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("keep", [0, 3, 4, 9, 15, 16, 17, -1])
def test_a_cut_off_file_is_refused(mnist, keep, zipped):
    """Wherever the pictures' file ends early, the message names it."""
    path = damaged(mnist, IMAGES, lambda raw: gzip.compress(raw[:keep]) if zipped else raw[:keep])
    with pytest.raises(InputError) as caught:
        Mnist(data_root=mnist.root).split("train")
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("keep", [2, 5, 12, 30, -9, -4, -1])
def test_a_cut_off_gzip_is_refused(mnist, keep):
    """Wherever a gzipped file ends early, the message names it."""
    path = damaged(mnist, IMAGES, lambda raw: gzip.compress(raw)[:keep])
    with pytest.raises(InputError) as caught:
        Mnist(data_root=mnist.root).split("train")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_flipped_bit_in_a_gzip_is_refused(mnist):
    """Gzip's checksum is looked at: random pictures do not compress, so the bit is a pixel's."""

    def flip(raw):
        zipped = bytearray(gzip.compress(raw))
        zipped[len(zipped) // 2] ^= 1
        return zipped

    path = damaged(mnist, IMAGES, flip)
    with pytest.raises(InputError, match="cannot be read") as caught:
        Mnist(data_root=mnist.root).split("train")
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (IMAGES, lambda raw: raw + b"\0", "more than 47,040 bytes follow the header"),
        (IMAGES, lambda raw: b"\0\0\x0d" + raw[3:], "the file starts with 00000d03"),
        (IMAGES, lambda raw: b"<html>" + raw[6:], "the file starts with 3c68746d"),
        (LABELS_FILE, lambda raw: raw[:-1], "59 bytes follow the header"),
        (
            LABELS_FILE,
            lambda raw: raw[:7] + b"\x3b" + raw[8:-1],
            "59 classes for the 60 pictures",
        ),
        (LABELS_FILE, lambda raw: raw[:-3] + b"\x0a" + raw[-2:], "record 57: the class 10"),
        (
            IMAGES,
            lambda raw: raw[:11] + b"\x0e" + raw[12:15] + b"\x38" + raw[16:],
            "60 x 14 x 56",
        ),
        (IMAGES, lambda raw: raw[:4] + bytes(4) + raw[8:16], "0 x 28 x 28"),
    ],
    ids=["longer", "float", "html", "labels cut", "fewer labels", "label 10", "other sides", "none"],
)
def test_a_wrong_file_is_refused(mnist, name, change, message):
    """Another kind, number, size or class is an InputError with the file and what was found there."""
    path = damaged(mnist, name, change)
    with pytest.raises(InputError) as caught:
        Mnist(data_root=mnist.root).split("train")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_header_cannot_take_memory(tmp_path, zipped):
    """A file of 1 KB that declares 800 MB of pictures is refused with less than 4 MB taken."""
    raw = bytes.fromhex("00000803 000f4240 0000001c 0000001c") + bytes(1000)  # 1,000,000 x 28 x 28
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    tracemalloc.start()
    with pytest.raises(InputError, match="1,000 bytes follow the header, where its sizes 1000000 x 28 x 28"):
        read_idx(path, PICTURES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_sizes_beyond_the_limit_are_refused(tmp_path):
    """The largest sizes that a header can hold are refused at once."""
    path = tmp_path / "file"
    path.write_bytes(bytes.fromhex("00000803") + b"\xff" * 12)
    with pytest.raises(InputError, match="beyond our limit"):
        read_idx(path, PICTURES)


def test_a_folder_in_a_files_place_is_refused(tmp_path):
    """What cannot be opened is an InputError too."""
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path, LABELS)


@pytest.mark.parametrize("sizes", [(1 << 31, 2051, 0), (1 << 31, 0, 28), (0, 0, 0), (0, 1 << 31, 1 << 31)])
def test_pictures_of_no_or_any_size_are_refused(tmp_path, sizes):
    """A header of sixteen bytes that names billions of empty pictures, or none of any size, is refused."""
    path = tmp_path / "empty"
    path.write_bytes(PICTURES + struct.pack(">III", *sizes))
    with pytest.raises(InputError, match="pictures of no size or beyond our limit"):
        read_idx(path, PICTURES)
