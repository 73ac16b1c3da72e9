"""Progress of long work: a live bar on a terminal, a line now and then elsewhere, all on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """The items, one by one, with how far it is and how long it will take.

    Args:
        items: What is worked through.
        description: What is being done: ``"generating ListOps"``.
        total: How many there will be, where ``items`` has no length.

    Example:
        >>> list(track([1, 2, 3], "counting"))
        [1, 2, 3]
    """
    total = len(items) if total is None and isinstance(items, Sized) else total
    console = Console(stderr=True)
    return (
        _bar(items, description, total, console) if console.is_terminal else _lines(items, description, total)
    )


def _bar(items: Iterable[T], description: str, total: int | None, console: Console) -> Iterator[T]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=description)


def _lines(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    console, last = Console(stderr=True, highlight=False), time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(f"{description}: {done} of {total if total is not None else 'unknown'}")
        yield item


@contextmanager
def under_way(doing: str) -> Iterator[Callable[[int, int, str], None]]:
    """Says which part is under way: a live line on a terminal, one now and then elsewhere.

    Args:
        doing: What is being done: ``"checking"``.

    Yields:
        To be called as each part begins, with its place from 1, their number, and its name.

    Example:
        >>> with under_way("checking") as begun:
        ...     begun(1, 28, "check_metadata")
    """
    console, last = Console(stderr=True, highlight=False), time.monotonic()

    def line(place: int, total: int, name: str) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(f"{doing} {place} of {total}: {name}")

    if not console.is_terminal:
        yield line
        return
    with console.status(doing) as status:
        yield lambda place, total, name: status.update(f"{doing} {place} of {total}: {name}")
