"""The five tasks: what each one's pictures are, and how it trains when no flag is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import and_, ge, gt, in_, lt

from fpt_images.layout import PictureLayout
from fpt_images.options import augment_option, grayscale_option, patch_option
from fpt_images.picture_task import PictureTask, PublishedPictureTask
from fpt_plugins import Classes, ConfigurationError, Recipe, SplitName

if TYPE_CHECKING:
    from fpt_images.labeled import LabeledPictures

_DIGITS = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@attrs.frozen(kw_only=True)
class Mnist(PublishedPictureTask):
    """MNIST, from its IDX files in ``DATA/mnist``.

    The paper speaks of 32 by 32 pixels (64 tokens), its code reads 28 by 28 (49 tokens); 32 is
    reached by a black border of two. Scaled to [0, 1] and no further, as in the reference code.
    """

    name: ClassVar[str] = "images/mnist"
    summary: ClassVar[str] = "which digit is written: MNIST, 28 x 28 pixels, grey"

    size: int = attrs.field(
        default=32,
        validator=in_((28, 32)),
        metadata={"help": "pixels per side: 32, with a black border, as in the paper, or 28, as in its code"},
    )
    patch: int = patch_option(4)

    recipe = Recipe(steps=5000, batch_size=16, lr=1e-3, dropout=0.1)
    target = Classes(_DIGITS)
    augment = False

    @property
    def layout(self) -> PictureLayout:
        """Grey, 28 by 28, in a border or not."""
        border = (self.size - 28) // 2
        return PictureLayout(
            side=self.size, channels=1, patch=self.patch, mean=(0.0,), deviation=(1.0,), border=border
        )

    def published(self, part: SplitName) -> LabeledPictures:
        """60,000 pictures to train and 10,000 to test."""
        from fpt_images.readers import read_mnist

        return read_mnist(self.data_root / "mnist", part, self.layout)

    def files(self, split: SplitName) -> Sequence[Path]:  # noqa: ARG002 - copies are sought in all of them
        """MNIST's four files, plain or gzipped."""
        from fpt_images.published import MNIST_SHA256, mnist_place

        return [mnist_place(self.data_root / "mnist", name) for name in MNIST_SHA256]


@attrs.frozen(kw_only=True)
class Cifar10(PublishedPictureTask):
    """CIFAR-10, from its archive or the folder of it in ``DATA/cifar10``.

    Scaled to [0, 1] and then by the reference code's constants, grey ones by those of its
    ``cifar10-gray``.
    """

    name: ClassVar[str] = "images/cifar10"
    summary: ClassVar[str] = "what is on a photograph: CIFAR-10, 32 x 32 pixels, ten classes"

    patch: int = patch_option(4)
    grayscale: bool = grayscale_option()
    augment: bool = augment_option()

    recipe = Recipe(steps=20_000, batch_size=16, lr=1e-3, dropout=0.1)
    target = Classes(_CIFAR10)

    @property
    def layout(self) -> PictureLayout:
        """32 by 32, in color or grey."""
        if self.grayscale:
            return PictureLayout(side=32, channels=1, patch=self.patch, mean=(0.5,), deviation=(0.5,))
        mean, deviation = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
        return PictureLayout(side=32, channels=3, patch=self.patch, mean=mean, deviation=deviation)

    def published(self, part: SplitName) -> LabeledPictures:
        """50,000 pictures to train and 10,000 to test."""
        from fpt_images.readers import read_cifar10

        return read_cifar10(self.data_root / "cifar10", part, self.layout)

    def files(self, split: SplitName) -> Sequence[Path]:  # noqa: ARG002 - copies are sought in all of them
        """CIFAR-10's six files, in either form."""
        from fpt_images.published import cifar10_places

        return cifar10_places(self.data_root / "cifar10")


@attrs.frozen(kw_only=True)
class Cifar10Lra(PublishedPictureTask):
    """CIFAR-10 as Long Range Arena reads it: grey, a token per pixel, row by row."""

    name: ClassVar[str] = "images/cifar10-lra"
    summary: ClassVar[str] = "what is on a photograph, pixel by pixel: CIFAR-10 in grey, 1,024 tokens"

    augment: bool = augment_option()

    recipe = Recipe(steps=20_000, batch_size=16, lr=1e-3, dropout=0.1)
    target = Classes(_CIFAR10)
    layout = PictureLayout(side=32, channels=1, patch=1, mean=(0.5,), deviation=(0.5,))

    def published(self, part: SplitName) -> LabeledPictures:
        """50,000 pictures to train and 10,000 to test."""
        from fpt_images.readers import read_cifar10

        return read_cifar10(self.data_root / "cifar10", part, self.layout)

    def files(self, split: SplitName) -> Sequence[Path]:  # noqa: ARG002 - copies are sought in all of them
        """CIFAR-10's six files, in either form."""
        from fpt_images.published import cifar10_places

        return cifar10_places(self.data_root / "cifar10")


@attrs.frozen(kw_only=True)
class Digits(PictureTask):
    """The 1,797 handwritten digits that scikit-learn carries: real pictures without a download."""

    name: ClassVar[str] = "images/digits"
    summary: ClassVar[str] = "which digit is written: scikit-learn's own, 8 x 8 pixels, nothing to download"

    patch: int = patch_option(2)

    recipe = Recipe(steps=400, batch_size=32, lr=1e-3)
    target = Classes(_DIGITS)
    augment = False

    @property
    def layout(self) -> PictureLayout:
        """Grey, 8 by 8 pixels from 0 to 16, scaled to [0, 1]."""
        return PictureLayout(side=8, channels=1, patch=self.patch, mean=(0.0,), deviation=(1.0,), white=16)

    def files(self, split: SplitName) -> tuple[Path, ...]:  # noqa: ARG002 - none for any split
        """None: they are scikit-learn's, whose version counts."""
        return ()

    def labeled(self, split: SplitName) -> LabeledPictures:
        """300 pictures validate, 300 test, 1,197 train."""
        from fpt_images import labeled, readers

        return labeled.three_ways(readers.read_digits(), split, 300, self.data_seed)


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _names(given: str, task: Any) -> str:
    if given or not task.path:
        return given
    from fpt_images.class_folders import class_names

    return "/".join(class_names(task.path))


@attrs.frozen(kw_only=True)
class Folder(PictureTask):
    """The user's own pictures: a folder per class, or those within ``train``, ``test`` (and ``validation``).

    Pictures of any size are cut to their middle square and scaled to ``size``.
    """

    name: ClassVar[str] = "images/folder"
    summary: ClassVar[str] = "which class a picture of yours belongs to: a folder per class"

    path: Path | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(_absolute),
        metadata={"help": "the folder that holds a folder of pictures per class"},
    )
    classes: str = attrs.field(
        default="",
        converter=attrs.Converter(_names, takes_self=True),  # type: ignore[misc] # mypy knows only functions
        metadata={"help": "names of the classes with / between; where not given, those of the folders"},
    )
    size: int = attrs.field(default=32, validator=ge(1), metadata={"help": "pixels per side"})
    patch: int = patch_option(4)
    grayscale: bool = grayscale_option()
    augment: bool = augment_option()
    held_out: float = attrs.field(
        default=0.1,
        validator=and_(gt(0.0), lt(0.5)),
        metadata={
            "help": "share of the pictures that validates, and again that tests; without split folders"
        },
    )

    recipe = Recipe(steps=1000, batch_size=32, lr=1e-3)

    @property
    def target(self) -> Classes:
        """The names of the folders."""
        if not self.classes:
            raise self._nothing_given()
        return Classes(tuple(self.classes.split("/")))

    @property
    def layout(self) -> PictureLayout:
        """In color or grey, scaled to [-1, 1]."""
        channels = 1 if self.grayscale else 3
        half = (0.5,) * channels
        return PictureLayout(side=self.size, channels=channels, patch=self.patch, mean=half, deviation=half)

    def labeled(self, split: SplitName) -> LabeledPictures:
        """As the split folders say, else drawn by the seed."""
        from fpt_images.class_folders import ClassFolders

        if self.path is None:
            raise self._nothing_given()
        folders = ClassFolders(self.path, self.target.names, self.layout)
        return folders.split(split, self.held_out, self.data_seed)

    def files(self, split: SplitName) -> Sequence[Path] | None:  # noqa: ARG002 - copies are sought in all of them
        """Every picture of the folder."""
        return None if self.path is None else sorted(path for path in self.path.rglob("*") if path.is_file())

    def _nothing_given(self) -> ConfigurationError:
        return ConfigurationError(f"{self.name} needs a folder of your pictures", "add --option path=DIR")
