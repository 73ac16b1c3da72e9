"""Reads pickles of plain values and numeric arrays, and can do nothing else.

A pickle is a program, and ``pickle.Unpickler`` with a strict ``find_class`` still runs parts of it
unseen: NumPy's ``dtype.__setstate__`` takes flags that make numbers into pointers, a tuple nested
in itself takes exponential time as a key, and a few bytes ask for gigabytes of memo. So the
opcodes, as the standard library's ``pickletools`` decodes them, are followed here one by one; and
since two bytes put a value on the stack again, what reads whole values is bounded.

What is followed, and why no more:

- ``None``, booleans, numbers, text, bytes, lists, tuples, dictionaries, sets: what published data
  sets hold besides arrays (CIFAR's batches, TAPE's records);
- arrays and scalars of booleans, integers, floats and complex numbers, made from their bytes once
  type, shape and number of bytes agree. Arrays of objects or records are pickles in a pickle;
- the names in ``_MAKERS``, by which the protocols 0 to 5 write arrays, bytes and sets.

Every other opcode and name is refused, extension codes and persistent identifiers among them.
Nothing is imported or called by a name from the file, and nothing recurses. What is made is at
most twice as large as the pickle, save a few hundred bytes per opcode, which ``MOST_OPCODES`` bounds.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from functools import partial
from reprlib import repr as short
from typing import Any

import attrs

from fpt_plugins import pickled_arrays
from fpt_plugins.errors import InputError
from fpt_plugins.pickled_arrays import Refused, of_type, word

MOST_OPCODES = 10_000_000
"""The longest pickle that is read, in opcodes: an array takes about thirty, a number in a list one."""

MOST_NUMBERS_AS_KEYS = 10_000
"""In one pickle: Python does not salt their hashes, so that a file can have them all fall in one place."""

LONGEST_KEY = 1_000
"""In characters or bytes: equal keys are compared, and as often as the pickle says."""

_REMEDY = "only plain values and numeric arrays are read: a pickle could run any program otherwise"
_MARK = pickletools.markobject


def unpickle_plain_values(data: bytes, *, where: str, encoding: str = "bytes") -> Any:
    """The value that a pickle holds, if it is made of plain values and numeric arrays alone.

    Args:
        data: One whole pickle, of any protocol from 0 to 5.
        where: What is read, for the message: a file's name, a record's key.
        encoding: How Python 2's ``str`` is decoded; ``"bytes"`` leaves it as it is (CIFAR's keys
            are then ``b"data"`` and ``b"labels"``).

    Returns:
        ``None``, booleans, numbers, text, bytes, lists, tuples, dictionaries, sets and arrays.
        Arrays are writable. Keys, and members of sets, are short text, bytes, ``None`` and numbers.

    Raises:
        InputError: The pickle is damaged or cut off, or asks for anything else: the message has
            the name that it asks for and the byte where it does.

    Example:
        >>> import pickle
        >>> unpickle_plain_values(pickle.dumps({"primary": "MKV", "fold_label": 7}), where="record 0")
        {'primary': 'MKV', 'fold_label': 7}
    """
    machine = _Machine(encoding, copies_left=2 * len(data))  # text to bytes, bytes to an array
    try:
        return machine.run(data)
    except (Refused, ArithmeticError, LookupError, TypeError, ValueError) as error:
        message, remedy = f"the pickle is damaged: {error}", "get the file again"
        if isinstance(error, Refused):
            message, remedy = f"the pickle holds {error}", _REMEDY
        raise InputError(message, remedy, where=f"{where}, byte {machine.position}") from error


@attrs.define(eq=False)
class _Machine:
    """The stack, the places of its marks, and the memo."""

    encoding: str
    copies_left: int
    position: int = 0
    stack: list[Any] = attrs.field(factory=list)
    marks: list[int] = attrs.field(factory=list)
    memo: dict[str, Any] = attrs.field(factory=dict)  # by text, whose hashes are salted
    numbers_as_keys: int = 0

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            if count >= MOST_OPCODES:
                raise Refused(f"more than {MOST_OPCODES:,} opcodes")
            self.position = position or 0
            self.follow(opcode, argument)
        left_over = len(data) - self.position - 1  # STOP is one byte
        if left_over or self.marks or len(self.stack) != 1:
            raise Refused(f"{len(self.stack)} values, and {left_over} bytes after its end")
        return _plain(self.stack)[0]

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        name = opcode.name
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _STEPS:
            items = _plain(self.take(opcode.stack_before))
            self.check_keys(items[_KEYS.get(name, slice(0))])
            self.stack.append(_STEPS[name](*items))
        elif name == "MARK":
            self.marks.append(len(self.stack))
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[str(len(self.memo) if name == "MEMOIZE" else argument)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[str(argument)])
        elif name in ("STRING", "BINSTRING", "SHORT_BINSTRING"):
            self.stack.append(self.python_2_text(argument))
        elif name == "GLOBAL":
            self.stack.append(_find(*argument.split(" ", 1)))
        elif name in ("REDUCE", "BUILD"):
            self.make(*self.take(opcode.stack_before))
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the opcode {name} {'' if argument is None else short(argument)}".rstrip())

    def take(self, wanted: list[pickletools.StackObject]) -> list[Any]:
        """Pop what an opcode works on: so many values, or what stands around and above the last mark."""
        place = self.marks.pop() if _MARK in wanted else len(self.stack)
        start = place - (wanted.index(_MARK) if _MARK in wanted else len(wanted))
        if start < (self.marks[-1] if self.marks else 0):
            raise IndexError("a value is missing")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def python_2_text(self, argument: str) -> Any:
        raw = argument.encode("latin-1")  # as pickletools decoded it
        return raw if self.encoding == "bytes" else raw.decode(self.encoding)

    def make(self, what: Any, arguments: Any) -> None:
        """REDUCE, where ``what`` is a name, and BUILD, where it is an array or a type already."""
        arguments = of_type(arguments, tuple)
        sized = [part for part in arguments if isinstance(part, list | tuple | str | bytes | bytearray)]
        self.copies_left -= sum(map(len, sized), start=len(arguments))
        if self.copies_left < 0:
            raise Refused("values that it copies to more than twice its own size")
        self.check_keys([key for part in arguments if isinstance(part, list) for key in part])  # a set's
        make = what.make if isinstance(what, _Name) else partial(pickled_arrays.set_state, what)
        self.stack.append(make(*arguments))

    def check_keys(self, keys: list[Any]) -> None:
        """Refuse keys that take long to hash, to compare or to find: a tuple is hashed anew each time."""
        self.numbers_as_keys += sum(map(_is_number_as_key, keys))
        if self.numbers_as_keys > MOST_NUMBERS_AS_KEYS:
            raise Refused(f"more than {MOST_NUMBERS_AS_KEYS:,} numbers as keys")


@attrs.frozen(eq=False)
class _Name:
    """A name of ``_MAKERS`` on the stack: fit to be called, and for nothing else."""

    make: Callable[..., Any]


def _find(module: str, name: str) -> _Name | str:
    if (module, name) == ("numpy", "ndarray"):
        return "numpy.ndarray"  # an argument of make_empty, which knows it by this
    module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
    if (module, name) not in _MAKERS:
        raise Refused(f"the global {module}.{name}")
    return _Name(_MAKERS[module, name])


def _plain(items: list[Any]) -> list[Any]:
    if _Name in set(map(type, items)):
        raise Refused("a global as a value")
    return items


def _is_number_as_key(key: Any) -> bool:
    if isinstance(key, str | bytes) and len(key) <= LONGEST_KEY:
        return False
    if isinstance(key, float | None) or (isinstance(key, int) and key.bit_length() <= 64):
        return True
    raise Refused(f"a {type(key).__name__} as a key that is neither short text nor a number of 64 bits")


def _extend(target: Any, *items: Any) -> Any:
    of_type(target, list).extend(items)
    return target


def _fill(target: Any, *items: Any) -> Any:
    of_type(target, dict).update(zip(items[::2], items[1::2], strict=True))
    return target


def _add(target: Any, *items: Any) -> Any:
    of_type(target, set).update(items)
    return target


def _encode(text: Any, codec: Any) -> bytes:
    if word(codec) not in ("latin1", "latin-1"):
        raise Refused(f"the global _codecs.encode with the codec {codec!r}")
    return of_type(text, str).encode("latin-1")


_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXT = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_VALUES = _NUMBERS | _TEXT | _BYTES
"""Opcodes whose argument is the value."""

_STEPS: dict[str, Callable[..., Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    **dict.fromkeys(("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"), lambda *items: items),
    "LIST": lambda *items: list(items),
    "DICT": lambda *items: _fill({}, *items),
    "FROZENSET": lambda *items: frozenset(items),
    **dict.fromkeys(("APPEND", "APPENDS"), _extend),
    **dict.fromkeys(("SETITEM", "SETITEMS"), _fill),
    "ADDITEMS": _add,
    "STACK_GLOBAL": lambda module, name: _find(of_type(module, str), of_type(name, str)),
}
"""From what an opcode takes off the stack to what it puts there."""

_KEYS = {"DICT": slice(0, None, 2), "ADDITEMS": slice(1, None), "FROZENSET": slice(None)}
_KEYS |= dict.fromkeys(("SETITEM", "SETITEMS"), slice(1, None, 2))
"""Which of the things that an opcode takes off the stack become keys or members."""

_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): pickled_arrays.make_empty,
    ("numpy.core.multiarray", "scalar"): pickled_arrays.make_scalar,
    ("numpy.core.numeric", "_frombuffer"): pickled_arrays.make_array,
    ("numpy", "dtype"): pickled_arrays.make_type,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): lambda: b"",
    ("builtins", "complex"): complex,
    ("builtins", "set"): lambda items: set(of_type(items, list)),
    ("builtins", "frozenset"): lambda items: frozenset(of_type(items, list)),
}
"""The names that are called, under NumPy's and Python's present spelling, and what is called for them."""
