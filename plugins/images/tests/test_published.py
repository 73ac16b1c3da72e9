"""Where the published files are looked for, and what is said where they are missing."""

import hashlib
import sys

import pytest

from fpt_images import published
from fpt_images.tasks import Cifar10, Mnist
from fpt_plugins import InputError, download


@pytest.fixture
def offline(monkeypatch):
    """No network."""
    monkeypatch.setenv("FPT_OFFLINE", "1")


def message(task, split="train"):
    with pytest.raises(InputError) as caught:
        task.split(split)
    return str(caught.value)


def test_mnists_missing_file_is_named_with_its_place_and_digest(offline, tmp_path):
    """One line says which file to put where."""
    url = "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz"
    digest = "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    place = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    assert message(Mnist(data_root=tmp_path)).splitlines()[1:] == [
        f"  put {url} (SHA-256 {digest}) at {place}"
    ]


def test_cifars_missing_archive_is_named_with_its_place_and_digest(offline, tmp_path):
    """One line says which file to put where."""
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    digest = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    place = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    assert message(Cifar10(data_root=tmp_path)).splitlines()[1:] == [
        f"  put {url} (SHA-256 {digest}) at {place}"
    ]


def test_a_missing_batch_is_named(offline, tmp_path, write, cifar_batches):
    """Of a folder that lacks one of its six files, that one is named."""
    write.cifar(tmp_path / "cifar10", cifar_batches)
    path = tmp_path / "cifar10" / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.unlink()
    assert message(Cifar10(data_root=tmp_path)).startswith(f"{path}: the file is missing")


def test_a_damaged_archive_is_named_and_a_right_one_read_after_it(offline, tmp_path, write, cifar_batches):
    """An extraction that failed leaves nothing that stands in the way of the next."""
    write.cifar(tmp_path / "cifar10", cifar_batches, packed=True)
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert str(path) in message(Cifar10(data_root=tmp_path))
    path.write_bytes(whole)
    assert len(Cifar10(data_root=tmp_path).split("test")) == 10


def test_what_is_downloaded_is_checked_and_read(tmp_path, write, cifar_batches, monkeypatch):
    """With a network, the archive comes to its place, is checked against its digest, and is read."""
    write.cifar(tmp_path / "source", cifar_batches, packed=True)
    archive = (tmp_path / "source" / "cifar-10-binary.tar.gz").read_bytes()
    asked = []

    def open_url(url):
        asked.append(url)
        return Response(archive)

    for name in ("FPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.modules[download.__module__], "_open", open_url)
    task = Cifar10(data_root=tmp_path)
    assert "SHA-256 is " + hashlib.sha256(archive).hexdigest() in message(task)
    monkeypatch.setattr(published, "CIFAR10_BINARY_SHA256", hashlib.sha256(archive).hexdigest())
    assert len(task.split("train")) == 45
    assert len(task.split("test")) == 10  # without a third request
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"] * 2


class Response:
    """What a server answers."""

    headers: dict = {}  # noqa: RUF012 # empty for good

    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def read(self, size):
        piece, self.content = self.content[:size], self.content[size:]
        return piece
