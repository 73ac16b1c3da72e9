"""A problem of the UCR or UEA archive: ``NAME_TRAIN.ts`` and ``NAME_TEST.ts`` side by side."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fpt_plugins import ConfigurationError, InputError, SplitName
from fpt_timeseries.cases import Case, Cases
from fpt_timeseries.ts_file import read_ts

TRAIN, TEST = "_TRAIN.ts", "_TEST.ts"
SEASONS = Path(__file__).with_name(f"carbon_dioxide_seasons{TRAIN}")
"""The default problem: the season in which thirteen weeks of carbon dioxide over Mauna Loa were measured.

Made of the series that the forecasting task has, 1958 to 1985 to train and later years to test.
"""


def both_files(path: Path | None) -> list[Path]:
    """The training file and the test file of a problem, of the default one where there is no path.

    Raises:
        ConfigurationError: The path is not that of a training file.
    """
    train = path or SEASONS
    if not train.name.endswith(TRAIN):
        raise ConfigurationError(
            f"{train} does not end in {TRAIN}", f"name the training file; the test file ends in {TEST}"
        )
    return [train, train.with_name(train.name.removesuffix(TRAIN) + TEST)]


def read_problem(path: Path | None) -> tuple[Cases, Cases]:
    """The cases of both files.

    Raises:
        InputError: A file is missing or wrong, has no classes, or is not like the other.
    """
    places = both_files(path)
    changed = tuple(place.stat().st_mtime_ns if place.is_file() else 0 for place in places)
    return _read(*places, changed)


@functools.lru_cache(maxsize=2)  # a task asks for three splits and their floors
def _read(train: Path, test: Path, _changed: tuple[int, ...]) -> tuple[Cases, Cases]:
    found, tested = read_ts(train), read_ts(test)
    if not found.classes:
        raise InputError("the cases have no class", "the header needs @classLabel true A B", where=str(train))
    if found.classes != tested.classes or found.channels != tested.channels:
        raise InputError(
            f"{tested.channels} channels and the classes {', '.join(tested.classes):.80}, where {train.name} "
            f"has {found.channels} and {', '.join(found.classes):.80}",
            where=str(test),
        )
    return found, tested


def kept_to_train(problem: tuple[Cases, Cases]) -> list[Case]:
    """The training cases less those that the test file has too, and one of each that comes again."""
    train, test = problem
    tested = {case.content for case in test.cases}
    return list({case.content: case for case in train.cases if case.content not in tested}.values())


def divided(problem: tuple[Cases, Cases], split: SplitName, share: float, seed: int) -> Sequence[Case]:
    """The cases of a split: the test file's, or those of the training file, of which a share validates.

    Args:
        problem: Training and test file.
        split: Which.
        share: Of the training cases, to validate.
        seed: Draws them.
    """
    if split == "test":
        return problem[1].cases
    kept = kept_to_train(problem)
    order = np.random.default_rng(seed).permutation(len(kept))
    count = round(share * len(kept))
    chosen = order[:count] if split == "validation" else order[count:]
    return [kept[place] for place in sorted(chosen.tolist())]
