"""The classification task: which class a series of one channel or several belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import ge, gt, in_, lt

from fpt_plugins import Classes, Floor, InputError, Mean, Recipe, SplitName, Task, Vectors, accuracy
from fpt_timeseries.options import MISSING_HELP, Missing, whole_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_timeseries.cases import Cases
    from fpt_timeseries.labeled import LabeledSeries


SEASONS = ("winter", "spring", "summer", "autumn")
"""The classes of the default problem, which has one channel and thirteen steps: known without reading it."""


def _problem(task: Any) -> tuple[Cases, Cases]:
    from fpt_timeseries.archive import read_problem

    return read_problem(task.path)


def _names(given: Sequence[str], task: Any) -> tuple[str, ...]:
    return tuple(given) or (_problem(task)[0].classes if task.path else SEASONS)


def _channels(given: int, task: Any) -> int:
    return given or (_problem(task)[0].channels if task.path else 1)


def _longest(given: int, task: Any) -> int:
    return given or (max(cases.longest for cases in _problem(task)) if task.path else 13)


def _of_the_files(fill: Any, default: Any, what: str) -> Any:
    converter = attrs.Converter(fill, takes_self=True)
    return attrs.field(default=default, converter=converter, metadata={"help": what})


@attrs.frozen(kw_only=True)
class Classify(Task):
    """Which class a series belongs to. A sample is an array ``[T, C]``: steps by channels."""

    name: ClassVar[str] = "timeseries/classify"
    summary: ClassVar[str] = (
        "which class a series belongs to: a problem of the UCR or UEA archive, in .ts files"
    )

    path: Path | None = attrs.field(
        default=None,
        converter=whole_path,
        metadata={"help": "NAME_TRAIN.ts, with NAME_TEST.ts beside it; default: seasons of CO2"},
    )
    classes: tuple[str, ...] = _of_the_files(_names, (), "names of the classes; those of the files")
    channels: int = _of_the_files(_channels, 0, "of each series; as in the files where 0")
    longest: int = _of_the_files(_longest, 0, "steps of the longest series; as in the files where 0")
    patch: int = attrs.field(default=1, validator=ge(1), metadata={"help": "steps per token"})
    normalize: bool = attrs.field(
        default=True, metadata={"help": "take each channel's own mean and deviation out of each series"}
    )
    missing: Missing = attrs.field(
        default="interpolate", validator=in_(("refuse", "interpolate")), metadata=MISSING_HELP
    )
    validation_share: float = attrs.field(
        default=0.2, validator=[gt(0.0), lt(1.0)], metadata={"help": "of the training cases"}
    )
    data_seed: int = attrs.field(default=0, validator=ge(0), metadata={"help": "draws those that validate"})

    recipe = Recipe(steps=400, batch_size=16, lr=1e-3)
    readout = Mean()
    metrics = (accuracy,)

    @property
    def sequence(self) -> Vectors:
        """A vector per patch: its steps, each with all channels."""
        return Vectors(width=self.patch * self.channels, max_length=-(-self.longest // self.patch))

    @property
    def target(self) -> Classes:
        """The names of the header."""
        return Classes(self.classes)

    def files(self, split: SplitName) -> Sequence[Path]:  # noqa: ARG002 # one file is searched for cases of the other
        """Both files; the default problem's are the package's own."""
        from fpt_timeseries.archive import both_files

        return both_files(self.path) if self.path else []

    def split(self, name: SplitName) -> LabeledSeries:
        """Series ``[T, C]`` with the places of their classes."""
        from fpt_timeseries.archive import divided
        from fpt_timeseries.labeled import LabeledSeries

        chosen = divided(_problem(self), name, self.validation_share, self.data_seed)
        return LabeledSeries(
            [(self._whole(case.values, f"case of line {case.line}"), case.label) for case in chosen]
        )

    def left_out(self, split: SplitName) -> Mapping[str, int]:
        """Training cases that are in the test file too, or that come again."""
        from fpt_timeseries.archive import kept_to_train

        problem = _problem(self)
        copies = len(problem[0].cases) - len(kept_to_train(problem))
        return {"copies of other cases": copies} if copies and split == "train" else {}

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance, the commonest class, and the class of the nearest series, where all are of one length."""
        from fpt_timeseries.neighbors import floors

        series = {name: self.split(name).series for name in ("train", split)}
        scaled = {
            name: [(self._scaled(values), label) for values, label in rows] for name, rows in series.items()
        }
        return floors(scaled["train"], scaled[split], len(self.classes), split)

    def parse(self, value: Any) -> NDArray[np.float64]:
        """``{"channels": [[0.1, null, 0.3], ...]}``: a list per channel, ``null`` where one is missing."""
        from fpt_timeseries.samples import series_of_channels

        return self._whole(series_of_channels(value, self.channels), "channels")

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """The cases of a ``.ts`` file, with classes or without."""
        from fpt_timeseries.ts_file import read_ts

        for number, case in enumerate(read_ts(path).cases, start=1):
            where = f"{path}, line {case.line}"
            if case.values.shape[1] != self.channels:
                raise InputError(
                    f"{case.values.shape[1]} channels, where {self.channels} are taken", where=where
                )
            yield f"case {number}", self._whole(case.values, where)

    def tokenize(self, sample: Any) -> NDArray[np.float32]:
        """A series as patches; the last one is filled up with its last step."""
        from fpt_timeseries.samples import steps_as_patches

        return steps_as_patches(self._scaled(sample), self.channels, self.patch)

    def _whole(self, values: NDArray[np.float64], where: str) -> NDArray[np.float64]:
        import numpy as np

        from fpt_timeseries.gaps import interpolated

        if self.missing == "refuse" and np.isnan(values).any():
            raise InputError("a value is missing", "fill it: --option missing=interpolate", where=where)
        return interpolated(values)

    def _scaled(self, sample: Any) -> NDArray[np.float64]:
        from fpt_timeseries.samples import normalized

        return normalized(sample) if self.normalize else sample
