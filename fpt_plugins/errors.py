"""The few errors that a user meets. Each says what was asked, what was found and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class FptError(Exception):
    """Anything that fpt-plugins refuses. The command line prints it without a traceback.

    Args:
        message: What was asked and what was found.
        remedy: What to do, as one sentence or one command. May be empty.

    Example:
        >>> str(FptError("the folder runs/a holds no run", "train one: fpt train bits/xor"))
        'the folder runs/a holds no run\\n  train one: fpt train bits/xor'
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, whatever its class is called with: an error of another process is raised in this one."""
        return _empty, (type(self),), self.__dict__


def _empty(kind: type[FptError]) -> FptError:
    return kind.__new__(kind)


class UnknownName(FptError):
    """A name that nothing provides.

    Args:
        kind: What was looked for, in the singular: ``"task"``, ``"option"``.
        name: The name that was asked for.
        known: The names that would have been found; the nearest are offered.
        remedy: Used in place of the list of near names where it is given.
        owner: What has such names, where only it has them: ``"bits/xor"``. All of them are shown then.

    Example:
        >>> str(UnknownName("option", "lenght", ("length", "tokens"), owner="bits/xor"))
        "bits/xor has no option 'lenght'\\n  did you mean length? known: length, tokens"
    """

    exit_code = 2

    def __init__(
        self, kind: str, name: str, known: Iterable[str] = (), remedy: str = "", *, owner: str = ""
    ) -> None:
        self.kind, self.name, self.known, self.owner = kind, name, tuple(sorted(known)), owner
        said = f"{owner} has no {kind} {name!r}" if owner else f"there is no {kind} {name!r}"
        super().__init__(said, remedy or self._nearest())

    def _nearest(self) -> str:
        near = difflib.get_close_matches(self.name, self.known, n=3, cutoff=0.5)
        if near:
            others = f" known: {', '.join(self.known)}" if self.owner else ""
            return f"did you mean {' or '.join(near)}?{others}"
        return f"known: {', '.join(self.known)}" if self.known else ""


class ConfigurationError(FptError):
    """A value or a combination of values that no run can have."""

    exit_code = 2


class CannotShare(ConfigurationError):
    """Settings that a run alone can have, and runs that share a pass cannot."""


class PluginError(FptError):
    """A plugin that cannot be used: it fails to import, breaks the contract or clashes."""

    exit_code = 3


class InputError(FptError):
    """Data that is not what its format or its task says, with the place where it is wrong.

    Example:
        >>> str(InputError("amino acid '7' is none of the 25", where="a.fasta, record 3, line 12"))
        "a.fasta, record 3, line 12: amino acid '7' is none of the 25"
    """

    exit_code = 4

    def __init__(self, message: str, remedy: str = "", *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, remedy)
        self.where = where


class FrozenError(FptError):
    """A frozen tensor or submodule that changed, or parameter groups that do not add up."""

    exit_code = 5


class IntegrityError(FptError):
    """A saved file that is damaged, incomplete, or made for another backbone or plugin."""

    exit_code = 6


class NonFiniteError(FptError):
    """A loss or a gradient that is not a finite number. The optimizer's step was not taken."""

    exit_code = 7


class OutOfMemory(FptError):
    """Memory that did not suffice, though fewer samples at a time were tried where that could be."""

    exit_code = 8
