"""An expression as token ids: read from text, evaluated, and written in LRA's binarized form.

Nothing recurses, so that nesting is bounded by memory alone. The operators are those of
``lra_benchmarks/data/listops.py`` in Long Range Arena; the language is Nangia and Bowman's (2018).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fpt_listops.vocabulary import CLOSING, SYMBOLS, ZERO
from fpt_plugins import InputError

_ID_OF = {symbol: place for place, symbol in enumerate(SYMBOLS)}
_STEP = np.array([1] * CLOSING + [-1] + [0] * 10, dtype=np.int8)  # how each symbol changes the depth


def _median(values: list[int]) -> int:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2  # LRA: int(np.median)


def _sum_modulo_ten(values: list[int]) -> int:
    return sum(values) % 10


_FUNCTIONS = (min, max, _median, _sum_modulo_ten)  # in the order of OPERATORS


def depths(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many operators are open after each token, ``[T]``."""
    return _STEP[ids].cumsum()


def evaluate(ids: NDArray[np.uint8]) -> int:
    """The value of a well-formed expression, 0 to 9.

    Args:
        ids: Ids of ``SYMBOLS``, ``[T]``.

    Example:
        >>> evaluate(encode("[MAX 2 9 [MIN 4 7 ] 0 ]", limit=100))
        9
    """
    arguments: list[int] = []  # of the innermost open operator
    enclosing: list[tuple[int, list[int]]] = []
    for symbol in ids.tolist():
        if symbol >= ZERO:
            arguments.append(symbol - ZERO)
        elif symbol < CLOSING:
            enclosing.append((symbol, arguments))
            arguments = []
        else:
            operator, outer = enclosing.pop()
            outer.append(_FUNCTIONS[operator](arguments))
            arguments = outer
    return arguments[0]


def binarize(ids: NDArray[np.uint8]) -> str:
    """A well-formed expression as LRA's files have it: each argument paired with all before it.

    Example:
        >>> binarize(encode("[MAX 2 9 ]", limit=100))
        '( ( ( [MAX 2 ) 9 ) ] )'
    """
    words: list[str] = []
    enclosing: list[list[int]] = []  # where each open operator stands, and its pairs of parentheses
    for symbol in ids.tolist():
        if symbol < CLOSING:
            enclosing.append([len(words), 1])
            words.append(SYMBOLS[symbol])
            continue
        words.append(SYMBOLS[symbol])
        if symbol == CLOSING:
            place, pairs = enclosing.pop()
            words[place] = "( " * pairs + words[place]
            words.append(")")
        if enclosing:
            words.append(")")
            enclosing[-1][1] += 1
    return " ".join(words)


def encode(text: str, *, limit: int, where: str = "") -> NDArray[np.uint8]:
    """The ids of one expression, plain or binarized; parentheses are checked and dropped.

    Args:
        text: Symbols of ``SYMBOLS`` with spaces between them, with LRA's parentheses or without any.
        limit: The most tokens, parentheses not counted.
        where: File and line, for the message.

    Returns:
        Ids of ``SYMBOLS``, ``[T]``, ``uint8``, writable.

    Raises:
        InputError: An unknown token, or no well-formed expression, with the token's number
            (parentheses not counted).

    Example:
        >>> encode("( ( ( [MAX 2 ) 9 ) ] )", limit=100).tolist()
        [1, 7, 14, 4]
    """
    words = text.replace("(", " ").replace(")", " ").split()
    try:
        ids = np.frombuffer(bytearray(map(_ID_OF.__getitem__, words)), dtype=np.uint8)
    except KeyError:
        raise _unknown_token(words, where) from None
    _check_structure(ids, limit, where)
    if ("(" in text or ")" in text) and text != (binarized := binarize(ids)):
        _check_parentheses(text.split(), binarized.split(), where)
    return ids


def _check_structure(ids: NDArray[np.uint8], limit: int, where: str) -> None:
    if not 0 < len(ids) <= limit:
        raise InputError(f"an expression of {len(ids)} tokens; it may have 1 to {limit}", where=where)
    closed = depths(ids) <= 0
    last = int(closed.argmax())  # where the first expression ends
    if not closed.any():
        raise _malformed("the expression ends with an operator still open", where, len(ids) - 1)
    if ids[0] == CLOSING:
        raise _malformed("']' closes no operator", where, 0)
    if last < len(ids) - 1:
        raise _malformed(f"{SYMBOLS[ids[last + 1]]!r} stands after the expression's end", where, last + 1)
    empty = (ids[:-1] < CLOSING) & (ids[1:] == CLOSING)
    if empty.any():
        place = int(empty.argmax())
        raise _malformed(f"{SYMBOLS[ids[place]]!r} has no argument", where, place)


def _check_parentheses(found: list[str], binarized: list[str], where: str) -> None:
    for number, (word, asked) in enumerate(itertools.zip_longest(found, binarized, fillvalue="nothing"), 1):
        if word != asked:
            message = f"word {number} is {_shown(word)}, where the binarized form has {asked!r}"
            raise InputError(message, "write all of LRA's parentheses, or none", where=where)


def _unknown_token(words: list[str], where: str) -> InputError:
    place = next(place for place, word in enumerate(words) if word not in _ID_OF)
    message = f"{_shown(words[place])} is none of {' '.join(SYMBOLS)}"
    return _malformed(message, where, place, "write a space between tokens")


def _malformed(message: str, where: str, place: int, remedy: str = "") -> InputError:
    return InputError(message, remedy, where=", ".join(filter(None, (where, f"token {place + 1}"))))


def _shown(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "...")
