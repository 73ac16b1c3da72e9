"""Makes NumPy arrays and scalars from what a pickle says of them, once that is seen to agree.

NumPy's own ``__setstate__`` methods trust what they are given: a type's flags and fields, an
array of objects. They are called here with nothing but a plain number's byte order, and with as
many bytes as the array takes.
"""

from __future__ import annotations

import math
from reprlib import repr as short
from typing import Any, TypeVar

import numpy as np

_NUMERIC = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"})
_MOST_DIMENSIONS = 32

T = TypeVar("T")


class Refused(Exception):  # never leaves unpickle_plain_values
    """What a pickle asks for is not done; the message ends the sentence "the pickle holds"."""


def of_type(value: Any, kind: type[T]) -> T:
    """The value, if it is of exactly this type."""
    if type(value) is not kind:
        raise Refused(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def word(value: Any) -> str:
    """Text, or the bytes that Python 2 wrote for it."""
    return value.decode("ascii") if isinstance(value, bytes) else of_type(value, str)


def make_type(code: Any, *_align_and_copy: Any) -> np.dtype[Any]:
    """``numpy.dtype(code)``; the order of its bytes follows as its state."""
    if word(code) not in _NUMERIC:
        raise Refused(f"an array of type {word(code)!r}, which is no plain number")
    return np.dtype(word(code), False, True)  # a copy, for its order will be set


def make_empty(kind: Any, _shape: Any, _code: Any) -> np.ndarray[Any, Any]:
    """``numpy.core.multiarray._reconstruct``: an array whose shape, type and bytes follow as its state."""
    if kind != "numpy.ndarray":
        raise Refused(f"an array of the class {short(kind)}")
    return np.empty(0)


def make_array(raw: Any, number: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    """``numpy.core.numeric._frombuffer``: a whole array, as protocol 5 writes it."""
    flat = np.frombuffer(_checked_bytes(raw, number, shape), number)
    return flat.reshape(shape, order="F" if order == "F" else "C").copy(order="K")


def make_scalar(number: Any, raw: Any) -> Any:
    """``numpy.core.multiarray.scalar``: a single number."""
    return np.frombuffer(_checked_bytes(raw, number, ()), number)[0]


def set_state(made: Any, *state: Any) -> Any:
    """The order of a type's bytes, or all that an array holds."""
    if isinstance(made, np.dtype):
        return _set_order(made, *state)
    array: Any = of_type(made, np.ndarray)
    shape, number, fortran, raw = state[-4:]  # before them a version, which old releases left out
    array.__setstate__((1, shape, number, fortran is True, _checked_bytes(raw, number, shape)))
    return array


def _set_order(number: Any, _version: Any, order: Any, *rest: Any) -> Any:
    orders = "|" if number.itemsize == 1 else "<>"
    if word(order) not in list(orders) or not all(item is None or of_type(item, int) < 1 for item in rest):
        raise Refused(f"an array of type {number} with the state {short((order, *rest))}")
    number.__setstate__((3, word(order), None, None, None, -1, -1, 0))
    return number


def _checked_bytes(raw: Any, number: Any, shape: Any) -> bytes:
    """An array's bytes, once its type, its shape and their number agree."""
    sizes = [of_type(size, int) for size in of_type(shape, tuple)]
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw  # Python 2's, decoded
    if not isinstance(raw, bytes | bytearray):
        raise Refused(f"{type(raw).__name__} in place of an array's bytes")
    if not isinstance(number, np.dtype):
        raise Refused(f"{type(number).__name__} in place of an array's type")
    if len(sizes) > _MOST_DIMENSIONS or min(sizes, default=0) < 0:
        raise ValueError(f"an array of shape {short(shape)}")
    if len(raw) != math.prod(sizes) * number.itemsize:
        raise ValueError(f"{len(raw)} bytes for an array of shape {short(shape)} and type {number}")
    return bytes(raw)
