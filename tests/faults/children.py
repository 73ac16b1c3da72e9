"""Processes that may be killed, forked from one that is warm: it has built an arm, and computed nothing.

A process of PyTorch's that has gone back through a graph cannot be forked where there is a GPU, and
one that begins from nothing takes seconds to import what an arm needs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

import attrs

_WARM = forkserver.ForkServer()  # our own: that of the package's studies warms up otherwise
_WARM.set_forkserver_preload(["tests.faults.warm"])

SECONDS = 120.0
"""That a child may be silent before the attack itself has failed."""


@attrs.frozen
class Child:
    """A process, and what it says."""

    process: Any
    said: Connection

    def next(self) -> Any:
        """The next thing that it says; an ``EOFError`` where it is dead."""
        assert self.said.poll(SECONDS), "a child is silent"
        return self.said.recv()

    def rest(self) -> list[Any]:
        """All that it says until it ends."""
        found = []
        while True:
            try:
                found.append(self.next())
            except EOFError:
                return found

    def kill(self) -> None:
        """SIGKILL, as the machine's own shortage of memory or an impatient scheduler sends it."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@contextmanager
def begun(act: Callable[..., None], *arguments: Any) -> Iterator[Child]:
    """A child that does something; it ends with the block, if not before.

    Args:
        act: A function of a module. Its last argument is a function to speak by.
        arguments: The others.
    """
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(act, arguments, os.environ.get("FPT_CACHE", ""), sender))
    with mock.patch.object(forkserver, "connect_to_new_process", _WARM.connect_to_new_process):
        process.start()
    sender.close()  # the child's end alone: when it dies, the pipe says so
    try:
        yield Child(process, receiver)
    finally:
        process.kill()
        process.join()
        receiver.close()


def die() -> None:
    """Ends the process that calls it, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def _work(act: Callable[..., None], arguments: tuple[Any, ...], cache: str, sender: Connection) -> None:
    os.environ["FPT_CACHE"] = cache
    act(*arguments, sender.send)
