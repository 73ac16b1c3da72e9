"""CIFAR-10 from batches that the tests write byte for byte, in both forms."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from fpt_images.cifar_batches import read_batch
from fpt_images.tasks import Cifar10, Cifar10Lra
from fpt_plugins import InputError

FORMS = ["binary", "pickled"]


def test_the_tests_own_pickle_is_one(write, cifar_batches):
    """What the fixture writes opcode by opcode, Python's own unpickler reads as documented."""
    pictures, labels = cifar_batches[0]
    batch = pickle.loads(write.pickled_batch(pictures, labels), encoding="bytes")  # noqa: S301 # our own
    assert batch[b"labels"] == labels.tolist()
    assert (batch[b"data"].dtype, batch[b"data"].shape) == (np.uint8, (10, 3072))
    assert batch[b"data"][3, 1024 + 32 * 5 + 7] == pictures[3, 5, 7, 1]  # green, row 5, column 7


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_pictures_are_those_of_the_files(tmp_path, write, cifar_batches, form, packed):
    """Folders and archives of both forms give the batches' pictures: one batch to test, five to train."""
    write.cifar(tmp_path / "cifar10", cifar_batches, form, packed)
    task = Cifar10(data_root=tmp_path)
    found = list(task.split("test"))
    assert np.array_equal(np.stack([picture for picture, _ in found]), cifar_batches[5][0])
    assert [label for _, label in found] == cifar_batches[5][1].tolist()
    rest = [*task.split("train"), *task.split("validation")]
    expected = {p.tobytes(): label for batch in cifar_batches[:5] for p, label in zip(*batch, strict=True)}
    assert {picture.tobytes(): label for picture, label in rest} == expected
    assert (len(task.split("train")), len(task.split("validation"))) == (45, 5)


@pytest.mark.parametrize("task", [Cifar10Lra, lambda **where: Cifar10(grayscale=True, **where)])
def test_grey_is_pillows_grey(tmp_path, write, cifar_batches, task):
    """Grey pictures are what Pillow's convert("L") gives, which the reference code used."""
    write.cifar(tmp_path / "cifar10", cifar_batches)
    found = [picture for picture, _ in task(data_root=tmp_path).split("test")]
    expected = [np.array(Image.fromarray(picture).convert("L")) for picture in cifar_batches[5][0]]
    assert np.array_equal(np.stack(found)[..., 0], np.stack(expected))


def test_every_grey_is_pillows_grey():
    """For a large sample of colors, with all corners of the cube among them, our integers are Pillow's."""
    from fpt_images.samples import grey

    shades = np.array([0, 1, 2, 63, 64, 65, 127, 128, 129, 191, 192, 253, 254, 255], dtype=np.uint8)
    colors = np.stack(np.meshgrid(shades, shades, shades), axis=-1).reshape(-1, 14, 3)
    expected = np.array(Image.fromarray(np.ascontiguousarray(colors)).convert("L"))
    assert np.array_equal(grey(colors)[..., 0], expected)


def test_a_modern_pickle_is_read_too(tmp_path, cifar_batches):
    """What Python 3 and today's NumPy write of the same dictionary, in every protocol."""
    pictures, labels = cifar_batches[0]
    data = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).reshape(10, 3072)
    for protocol in range(6):
        path = tmp_path / "data_batch_1"
        path.write_bytes(pickle.dumps({b"data": data, b"labels": labels.tolist()}, protocol))
        assert np.array_equal(read_batch(path).pictures, pictures)


def test_a_pickled_program_is_not_run(tmp_path):
    """A pickle that calls os.system is refused, and what it calls does not happen."""

    class Program:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Program(), b"labels": []}))
    with pytest.raises(InputError) as caught:
        read_batch(path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "ran").exists()


def pickled(**fields):
    return pickle.dumps({name.encode(): value for name, value in fields.items()}, 2)


PIXELS = np.zeros((2, 3072), np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1], 2), "no dictionary with 'data'"),
        (pickled(labels=[0, 1]), "no dictionary with 'data'"),
        (pickled(data=PIXELS), "no dictionary with 'labels'"),
        (pickled(data=PIXELS, labels=[0]), "2 pictures and 1 classes"),
        (pickled(data=PIXELS[:0], labels=[]), "0 pictures and 0 classes"),
        (pickled(data=PIXELS[:, :-1], labels=[0, 1]), "(2, 3071)"),
        (pickled(data=PIXELS.astype(float), labels=[0, 1]), "float64"),
        (pickled(data=[1, 2], labels=[0, 1]), "data is list"),
        (pickled(data=PIXELS, labels=7), "labels is not a list"),
        (pickled(data=PIXELS, labels=[0, "1"]), "labels is not a list of whole numbers"),
        (pickled(data=PIXELS, labels=[0, True]), "labels is not a list of whole numbers"),
        (pickled(data=PIXELS, labels=[0, 10]), "record 1: the class 10"),
        (pickled(data=PIXELS, labels=[-1, 1]), "record 0: the class -1"),
        (pickled(data=PIXELS, labels=[0, 2**70]), "record 1: the class"),
        (b"", "byte 0"),
        (b"<html>", "byte 0"),
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path, content, message):
    """Every other content is an InputError with the file's name and what was found."""
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_batch(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.31, 0.72, 0.9999])
def test_a_cut_off_batch_is_refused(tmp_path, write, cifar_batches, form, share):
    """Wherever a batch ends early, the message names its file."""
    path = tmp_path / ("batch.bin" if form == "binary" else "batch")
    content = getattr(write, f"{form}_batch")(*cifar_batches[0])
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        read_batch(path)
    assert str(caught.value).startswith(str(path))


def test_a_wrong_binary_batch_is_refused(tmp_path, write, cifar_batches):
    """Bytes that are left over, and a class of 10, are named with their place."""
    path, content = tmp_path / "batch.bin", bytearray(write.binary_batch(*cifar_batches[0]))
    path.write_bytes(content + b"123")
    with pytest.raises(InputError, match="3 are left over"):
        read_batch(path)
    content[3073 * 4] = 10
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"batch.bin, record 4: the class 10, where there are 0 to 9"):
        read_batch(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    """A sparse file of a gigabyte is refused by its size."""
    path = tmp_path / "batch.bin"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(InputError, match="1,073,741,824 bytes"):
        read_batch(path)
