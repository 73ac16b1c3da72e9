"""Where MNIST and CIFAR-10 are: in a folder of the data root, else at their published source.

The digests are those of torchvision's and TensorFlow Datasets' tables, and were found equal in
other public sources: Keras (the pickled CIFAR-10), red-datasets and gomlx (the binary CIFAR-10).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from fpt_plugins import InputError, download, extract

MNIST_SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist"
"""PyTorch's mirror: the original page asks for a password."""
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""Of the gzipped files, by the names of the plain ones."""


def mnist_place(folder: Path, name: str) -> Path:
    """Where one of MNIST's four files is, or will be once it is fetched."""
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"


def mnist_file(folder: Path, name: str) -> Path:
    """One of MNIST's four files, plain or gzipped; fetched where neither is there.

    Raises:
        InputError: It is not there and cannot be fetched: which file to put where.
    """
    path = mnist_place(folder, name)
    if path.is_file():
        return path
    zipped = folder / f"{name}.gz"
    url = f"{MNIST_SOURCE}/{zipped.name}"
    return download(url, zipped, sha256=MNIST_SHA256[name], description="MNIST")


@attrs.frozen
class CifarForm:
    """One published form of CIFAR-10: an archive, its folder, and how that names a batch's file."""

    archive: str
    folder: str
    suffix: str

    @property
    def members(self) -> list[str]:
        """The files of the five training batches and, last, of the test batch."""
        names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
        return [f"{self.folder}/{name}{self.suffix}" for name in names]


CIFAR10_SOURCE = "https://www.cs.toronto.edu/~kriz"
CIFAR10_BINARY = CifarForm("cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin")
CIFAR10_PICKLED = CifarForm("cifar-10-python.tar.gz", "cifar-10-batches-py", "")
CIFAR10_BINARY_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"


def cifar10_files(folder: Path) -> Sequence[Path]:
    """CIFAR-10's six files, training first: the binary ones, the pickled ones, or those of an archive.

    Where there are none, the binary archive is fetched.

    Raises:
        InputError: Some of them are missing, or there is no archive and it cannot be fetched.
    """
    forms = (CIFAR10_BINARY, CIFAR10_PICKLED)
    places = cifar10_places(folder)
    if all(path.is_file() for path in places):
        return places
    form = next((form for form in forms if (folder / form.archive).is_file()), None) or _fetched(folder)
    extract(folder / form.archive, folder, form.members)
    return _paths(folder, form)


def cifar10_places(folder: Path) -> Sequence[Path]:
    """Where CIFAR-10's six files are: in the first form that is complete; else where they will be."""
    forms = (CIFAR10_BINARY, CIFAR10_PICKLED)
    return _paths(folder, next((form for form in forms if not _missing(folder, form)), CIFAR10_BINARY))


def _fetched(folder: Path) -> CifarForm:
    form = CIFAR10_BINARY
    for begun in (form, CIFAR10_PICKLED):
        if 0 < len(missing := _missing(folder, begun)) < len(begun.members):
            raise InputError("the file is missing", f"extract {begun.archive} again", where=str(missing[0]))
    url = f"{CIFAR10_SOURCE}/{form.archive}"
    download(url, folder / form.archive, sha256=CIFAR10_BINARY_SHA256, description="CIFAR-10")
    return form


def _paths(folder: Path, form: CifarForm) -> list[Path]:
    return [folder / member for member in form.members]


def _missing(folder: Path, form: CifarForm) -> list[Path]:
    return [path for path in _paths(folder, form) if not path.is_file()]
