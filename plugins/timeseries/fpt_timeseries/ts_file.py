"""Reads the ``.ts`` format of the UCR and UEA archives, as sktime and aeon write it.

A header of ``@name value`` lines, ``@data``, then a line per case: channels with ``:`` between, values
with ``,`` between, ``?`` for a missing one, and the class last. Lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np

from fpt_plugins import InputError
from fpt_timeseries.cases import Case, Cases
from fpt_timeseries.text_lines import bounded_lines

MISSING = frozenset({"?", "nan"})
LARGEST = 1e18
"""The largest value, either sign: its square is a number of float32 still."""

REFUSED = {
    "timestamps": ("values with time stamps are not read", "write the values alone, and @timeStamps false"),
    "targetlabel": ("a real target is not a class", "timeseries/classify takes files with @classLabel"),
}
"""Header lines that may not be ``true``."""


@attrs.frozen
class Header:
    """What the lines before ``@data`` say; 0 where they do not.

    Args:
        classes: Names, where cases have classes.
        dimensions: Channels of each case.
        length: Steps of each case.
    """

    classes: tuple[str, ...] = ()
    dimensions: int = 0
    length: int = 0


def read_ts(path: Path) -> Cases:
    """The cases of a file; those without a class, where its header says so, have the label -1.

    Raises:
        InputError: The file cannot be read, or a line is wrong; file and line are named.
    """
    lines = _lines(path)
    header = _header(lines, path)
    cases: list[Case] = []
    for number, text in lines:
        where = f"{path}, line {number}"
        cases.append(_case(text, header, number, where))
        if cases[-1].values.shape[1] != cases[0].values.shape[1]:
            found, first = cases[-1].values.shape[1], cases[0].values.shape[1]
            raise InputError(f"{found} channels, where the first case has {first}", where=where)
    if not cases:
        raise InputError("no case after @data", where=str(path))
    return Cases(header.classes, cases)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(bounded_lines(file, path), start=1):
                if line.strip() and not line.startswith("#"):
                    yield number, line.strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file cannot be read: {error}", where=f"{path}, after line {number}") from error


def _header(lines: Iterator[tuple[int, str]], path: Path) -> Header:
    said: dict[str, list[str]] = {}
    for number, text in lines:
        where = f"{path}, line {number}"
        if not text.startswith("@"):
            raise InputError(
                f"{text!r:.40} stands before @data", "begin the header lines with @", where=where
            )
        name, *words = text[1:].split() or [""]
        if name.lower() == "data":
            return _meaning(said, f"{path}, above line {number}")
        said[name.lower()] = words
        if name.lower() in REFUSED and words[:1] == ["true"]:
            raise InputError(*REFUSED[name.lower()], where=where)
    raise InputError("no line @data", "a .ts file of sktime or aeon has one", where=str(path))


def _meaning(said: dict[str, list[str]], where: str) -> Header:
    labels = said.get("classlabel", [])
    has_classes = labels[:1] == ["true"]
    if has_classes and len(set(labels[1:])) < 2:
        raise InputError(f"@classLabel names {len(labels) - 1} classes", "name two or more", where=where)
    univariate = said.get("univariate", [])[:1] == ["true"]
    equal = said.get("equallength", [])[:1] == ["true"]
    return Header(
        classes=tuple(dict.fromkeys(labels[1:])) if has_classes else (),
        dimensions=1 if univariate else _count(said, "dimensions", where),
        length=_count(said, "serieslength", where) if equal else 0,
    )


def _count(said: dict[str, list[str]], name: str, where: str) -> int:
    words = said.get(name, ["0"])
    if len(words) != 1 or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 9:
        raise InputError(f"@{name} is {' '.join(words)!r:.40}, which is no number", where=where)
    return int(words[0])


def _case(text: str, header: Header, line: int, where: str) -> Case:
    *channels, label = text.split(":") if header.classes else (*text.split(":"), "")
    if header.classes and label.strip() not in header.classes:
        known = ", ".join(header.classes)
        raise InputError(f"the class {label.strip()!r:.40} is none of {known:.200}", where=where)
    if header.dimensions and len(channels) != header.dimensions:
        raise InputError(f"{len(channels)} channels, where the header has {header.dimensions}", where=where)
    columns = [_channel(words, where) for words in channels]
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or (header.length and lengths != {header.length}):
        expected = f"the header has {header.length}" if header.length else "they must be of one length"
        raise InputError(f"channels of {sorted(lengths)} values, where {expected}", where=where)
    values = np.array(columns, dtype=np.float64).T
    if np.isnan(values).all(axis=0).any():
        raise InputError("a channel has no value at all", "take the case out", where=where)
    return Case(values, header.classes.index(label.strip()) if header.classes else -1, line)


def _channel(words: str, where: str) -> list[float]:
    return [_value(word.strip(), where) for word in words.split(",")]


def _value(word: str, where: str) -> float:
    if word.lower() in MISSING:
        return math.nan
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise InputError(f"{word!r:.40} is no finite number", "write a missing value as ?", where=where)
    return value
