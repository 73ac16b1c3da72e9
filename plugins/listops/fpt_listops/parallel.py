"""Work shared among processes whose results come back in order, whatever the number of them."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from fpt_plugins import FptError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterator[Item], workers: int) -> Generator[Result]:
    """``map`` over ``items``, which may be endless, by ``workers`` processes; one stays in this process.

    Processes are spawned, not forked: a fork copies the locks of this process's threads.

    Raises:
        FptError: The worker processes died.
    """
    if workers == 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for the parent, which ends the workers
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        pending = deque(pool.submit(function, item) for item in islice(items, 2 * workers))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(items, 1))
    except BrokenProcessPool as error:
        raise FptError(
            "the worker processes ended before they had worked",
            'a script that starts processes keeps its own work under: if __name__ == "__main__":',
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
