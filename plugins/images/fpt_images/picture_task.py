"""What the tasks of this plugin have in common: a picture in, its class out."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import ge, in_

from fpt_images.layout import PictureLayout
from fpt_plugins import Classes, Floor, InputError, Last, Mean, Readout, SplitName, Task, Vectors, accuracy

if TYPE_CHECKING:
    from fpt_images.dataset import PictureDataset
    from fpt_images.labeled import LabeledPictures

VALIDATION_SHARE = 0.1
"""Of the published training pictures; the share that Long Range Arena takes of CIFAR-10's."""


@attrs.frozen(kw_only=True)
class PictureTask(Task):
    """Which class a picture belongs to. A task adds its layout, its classes and its pictures."""

    pooling: Literal["last", "mean"] = attrs.field(
        default="last",
        validator=in_(("last", "mean")),
        metadata={"help": "hidden states that are read: the last position's, as in the paper, or their mean"},
    )
    data_seed: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "draws the pictures that are held out"}
    )

    metrics = (accuracy,)

    @property
    @abc.abstractmethod
    def layout(self) -> PictureLayout:
        """What the pictures look like and how they are cut."""

    @property
    @abc.abstractmethod
    def augment(self) -> bool:
        """Whether each read of a training picture draws another variant of it."""

    @property
    @abc.abstractmethod
    def target(self) -> Classes:
        """The classes."""

    @abc.abstractmethod
    def labeled(self, split: SplitName) -> LabeledPictures:
        """The pictures of a split and their classes."""

    @property
    def fresh(self) -> frozenset[str]:
        """Augmented training pictures differ at every read."""
        return frozenset({"train"}) if self.augment else frozenset()

    @property
    def sequence(self) -> Vectors:
        """One vector per patch."""
        return Vectors(width=self.layout.width, max_length=self.layout.tokens)

    @property
    def readout(self) -> Readout:
        """One vector per picture."""
        return Last(1) if self.pooling == "last" else Mean()

    def split(self, name: SplitName) -> PictureDataset:
        """Pictures ``[H, W, C]`` (uint8) with the places of their classes."""
        from fpt_images.dataset import PictureDataset

        return PictureDataset(self._some(name), augment=name in self.fresh)

    def left_out(self, split: SplitName) -> Mapping[str, int]:
        """Copies of pictures of another split."""
        copies = self.labeled(split).copies
        return {"copies of pictures of another split": copies} if copies else {}

    def _some(self, split: SplitName) -> LabeledPictures:
        labeled = self.labeled(split)
        if not len(labeled):
            raise InputError(f"{self.name} has too few pictures: none is left for {split}")
        return labeled

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance, the commonest class, and the nearest mean picture."""
        from fpt_images.floors import floors

        return floors(self._some("train"), self._some(split), self.target.names, split)

    def parse(self, value: Any) -> Any:
        """Rows of pixels, or ``{"pixels": rows}``."""
        from fpt_images.samples import from_json

        return from_json(value, self.layout)

    def read(self, path: Path) -> Iterator[tuple[str, Any]]:
        """A picture file, an IDX file of pictures, or a binary batch of CIFAR-10."""
        from fpt_images.files import read_pictures

        return read_pictures(path, self.layout)


@attrs.frozen(kw_only=True)
class PublishedPictureTask(PictureTask):
    """A data set that is published as training and test pictures. A task adds how these are read."""

    variant: Literal["corrected", "paper"] = attrs.field(
        default="corrected",
        validator=in_(("corrected", "paper")),
        metadata={"help": "paper: all training pictures train, the test pictures validate, as in its code"},
    )

    @abc.abstractmethod
    def published(self, part: SplitName) -> LabeledPictures:
        """The pictures that are published for ``train`` or for ``test``."""

    def labeled(self, split: SplitName) -> LabeledPictures:
        """A tenth of the training pictures validates, unless the paper's variant is asked for."""
        from fpt_images import labeled

        if self.variant == "paper":
            return labeled.as_the_paper(self.published, split)
        return labeled.published(self.published, split, VALIDATION_SHARE, self.data_seed)
