"""Writers of the published formats, byte for byte from their descriptions, and small data sets in them."""

import gzip
import struct
import tarfile
import types

import numpy as np
import pytest


def idx(array):
    """An IDX file: two zeros, type 8 (uint8), the dimensions, a big-endian size each, the numbers."""
    sizes = b"".join(struct.pack(">I", size) for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def binary_batch(pictures, labels):
    """CIFAR-10's binary form: a byte of class, then 1,024 of red, of green and of blue, per picture."""
    records = [
        bytes([label]) + b"".join(picture[:, :, channel].tobytes() for channel in range(3))
        for picture, label in zip(pictures, labels, strict=True)
    ]
    return b"".join(records)


# Opcodes (protocol 2) as Python 2 and NumPy 1 wrote them.
EMPTY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
UINT8 = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def pickled_batch(pictures, labels):
    """CIFAR-10's pickled form as it is published, opcode by opcode: Python 2's text, NumPy 1's arrays."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).reshape(len(pictures), 3072)
    shape = b"(K\x01M" + struct.pack("<H", len(pictures)) + b"M\x00\x0c\x86"  # version 1, (N, 3072)
    numbers = b"\x89T" + struct.pack("<I", planes.size) + planes.tobytes()  # False: not Fortran's order
    classes = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    fields = b"U\x0bbatch_labelU\x15training batch 1 of 5U\x06labels" + classes + b"U\x04data"
    return b"\x80\x02}(" + fields + EMPTY_ARRAY + shape + UINT8 + numbers + b"tbu."


def random_pictures(count, side, channels, seed, shades=256):
    generator = np.random.default_rng(seed)
    return generator.integers(0, shades, (count, side, side, channels), dtype=np.uint8)


def write_mnist(folder, train, test, zipped=False):
    """MNIST's four files; ``train`` and ``test`` are pictures [N, 28, 28] and classes."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, (pictures, labels) in (("train", train), ("t10k", test)):
        for kind, array in (("images-idx3", pictures), ("labels-idx1", labels)):
            name, content = f"{prefix}-{kind}-ubyte", idx(array)
            path = folder / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content, 1) if zipped else content)


CIFAR_FORMS = {
    "binary": ("cifar-10-batches-bin", ".bin", binary_batch, "cifar-10-binary.tar.gz"),
    "pickled": ("cifar-10-batches-py", "", pickled_batch, "cifar-10-python.tar.gz"),
}


def write_cifar(folder, batches, form="binary", packed=False):
    """CIFAR-10's six files, of six (pictures, classes); in an archive where ``packed``."""
    name, suffix, content, archive = CIFAR_FORMS[form]
    (folder / name).mkdir(parents=True, exist_ok=True)
    stems = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for stem, batch in zip(stems, batches, strict=True):
        (folder / name / f"{stem}{suffix}").write_bytes(content(*batch))
    if packed:
        with tarfile.open(folder / archive, "w:gz") as opened:
            opened.add(folder / name, name)
        for path in (folder / name).iterdir():
            path.unlink()
        (folder / name).rmdir()


@pytest.fixture(scope="session")
def write():
    """The writers."""
    return types.SimpleNamespace(
        idx=idx, binary_batch=binary_batch, pickled_batch=pickled_batch, mnist=write_mnist, cifar=write_cifar
    )


@pytest.fixture(scope="session")
def random():
    """A function that draws pictures."""
    return random_pictures


@pytest.fixture
def mnist(tmp_path):
    """The data root of a small MNIST: 60 training and 20 test pictures."""
    pictures = random_pictures(80, 28, 1, seed=1)[..., 0]
    labels = np.arange(80, dtype=np.uint8) % 10
    write_mnist(tmp_path / "mnist", (pictures[:60], labels[:60]), (pictures[60:], labels[60:]))
    return types.SimpleNamespace(root=tmp_path, pictures=pictures, labels=labels)


@pytest.fixture
def cifar_batches():
    """Six batches of ten pictures."""
    pictures = random_pictures(60, 32, 3, seed=2)
    return [(pictures[start : start + 10], np.arange(10, dtype=np.uint8)) for start in range(0, 60, 10)]
