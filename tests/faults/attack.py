"""An attack on one promise, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Outcome:
    """Of an attack that was made so many times.

    Args:
        happened: What was seen, and how often: ``{"refused by name": 498, "loaded unchanged": 2}``. The
            counts sum to the number of attacks.
        broken: Each time that the promise did not hold, with what is needed to do it again.
    """

    happened: Mapping[str, int]
    broken: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Iterable[Seen]) -> Outcome:
        """What came of each time, put together."""
        seen = list(found)
        counted = Counter(each.what for each in seen)
        return cls(happened=dict(counted), broken=tuple(each.broken for each in seen if each.broken))


@attrs.frozen
class Seen:
    """What came of one time.

    Args:
        what: Happened, in a few words: ``"the previous one loads"``.
        broken: What is needed to do it again, where the promise did not hold.
    """

    what: str
    broken: str = ""


@attrs.frozen(kw_only=True)
class Attack:
    """A promise, and the way in which it is tried.

    Args:
        name: Unique, ``words-with-dashes``.
        promise: What a user is told, one sentence.
        how: What is done to it, one sentence.
        few: How many times in ``make test``.
        many: How many times in ``make faults``, whose counts the documentation shows.
        run: Takes how many times and an empty folder; attacks that often.
    """

    name: str
    promise: str
    how: str
    few: int
    many: int
    run: Callable[[int, Path], Outcome]
