"""A sample is rows of bits: checked, and read as people write it, ``"0110"`` and ``"01?0"``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JSON_TYPES: dict[type, str] = {list: "a list", str: "a string"}


def of_shape(sample: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """The sample as an array.

    Raises:
        InputError: It has another shape.
    """
    import numpy as np

    array = np.asarray(sample)
    if array.shape != shape:
        raise InputError(f"a sample of shape {array.shape}, where {shape} is expected (strings, bits)")
    return array


def read_fields(value: Any, fields: Mapping[str, type], form: str) -> list[Any]:
    """The values of a JSON object, in the order of ``fields``.

    Args:
        value: What was read as JSON.
        fields: The type of each field (``list`` or ``str``), by its name. There are no others.
        form: How such an object is written, for the remedy.

    Raises:
        InputError: No object, a field that is missing or unknown, or one of another type.
    """
    if not isinstance(value, dict):
        raise InputError(f"the sample is a {type(value).__name__}, not a JSON object", f"write {form}")
    if value.keys() != fields.keys():
        expected, found = ", ".join(fields), ", ".join(map(str, value)) or "none"
        raise InputError(f"the sample has the fields {found}, where it takes {expected}", f"write {form}")
    for name, kind in fields.items():
        if not isinstance(value[name], kind):
            raise InputError(f"not {JSON_TYPES[kind]} but a {type(value[name]).__name__}", where=name)
    return [value[name] for name in fields]


def read_rows(
    words: Sequence[Any], layout: Mapping[str, Mapping[str, int]], length: int, where: str = ""
) -> NDArray[np.int8]:
    """Words as the rows of a sample, ``[len(layout), length]``.

    Args:
        words: One string of bits per row.
        layout: What each symbol means in each row, by the row's name.
        length: Bits per word.
        where: File and line, for messages.

    Raises:
        InputError: Another number of words, or a word of another length or with another symbol.

    Example:
        >>> read_rows(["01", "1?"], {"string 1": {"0": -1, "1": 1}, "query": {"1": 1, "?": 0}}, 2).tolist()
        [[-1, 1], [1, 0]]
    """
    import numpy as np

    names = list(layout)
    if len(words) != len(names):
        expected = f"{len(names)} are expected, {names[0]} to {names[-1]}"
        raise InputError(f"{len(words)} strings of bits, where {expected}", where=where)
    places = [f"{where}, {name}" if where else name for name in names]
    rows = [_row(*row, length) for row in zip(words, layout.values(), places, strict=True)]
    return np.array(rows, dtype=np.int8)


def _row(word: Any, symbols: Mapping[str, int], where: str, length: int) -> list[int]:
    if not isinstance(word, str):
        raise InputError(f"not a string of bits but a {type(word).__name__}", where=where)
    if len(word) != length:
        remedy = "for strings of another length, train with --option length=N"
        raise InputError(f"{len(word)} bits, where {length} are expected", remedy, where=where)
    for place, symbol in enumerate(word, start=1):
        if symbol not in symbols:
            raise InputError(f"bit {place} is {symbol!r}, none of {', '.join(symbols)}", where=where)
    return [symbols[symbol] for symbol in word]


def read_samples(
    path: Path, sample: Callable[[list[str], str], NDArray[np.int8]]
) -> Iterator[tuple[str, NDArray[np.int8]]]:
    """The samples of a text file, one per line, as ``(FILE:LINE, sample)``. Blank lines are passed over.

    Args:
        path: The file.
        sample: From a line's words, and the file and line for messages, to a sample.

    Raises:
        InputError: The file cannot be read or holds no sample, or ``sample`` refuses a line.
    """
    number = 0
    for number, words in _lines(path):
        yield f"{path.name}:{number}", sample(words, f"{path}, line {number}")
    if not number:
        raise InputError("no sample", "write one per line, its strings separated by spaces", where=str(path))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        # Bytes that are no text become a symbol that is no bit, and are refused with their place.
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if words := line.split():
                    yield number, words
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
