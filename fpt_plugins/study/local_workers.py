"""One job at a time on this machine, in a child process that may hang, run out of memory or crash."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection, wait
from typing import Any

from fpt_plugins.study.bank_job import Work
from fpt_plugins.study.workers import Outcome

BEGUN = "begun"
STOP_SECONDS = 120.0
"""That a cell has to end its step and save, once it was asked to stop."""


class LocalWorkers:
    """Each job in a process of its own, forked from one that has imported what training needs.

    Args:
        seconds: That one cell may take.
    """

    count = 1

    def __init__(self, seconds: float) -> None:
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(method)
        self._seconds = seconds
        self._job: Work | None = None

    def submit(self, job: Work) -> None:
        """Begins a job."""
        if self._context.get_start_method() == "forkserver":
            self._context.set_forkserver_preload(_imported())  # read when the first child starts
        self._job = job
        self._receiver, sender = self._context.Pipe(duplex=False)
        self._process = self._context.Process(target=_work, args=(job, sender))
        self._process.start()
        sender.close()  # the child's end alone: when it dies, the pipe says so
        self._said(STOP_SECONDS)  # that it has begun: starting a process is not the cell's time
        self._deadline = time.monotonic() + self._seconds * len(job.members)

    def wait(self) -> Outcome:
        """What came of it."""
        assert self._job is not None  # noqa: S101 - nobody waits for nothing; for the type checker
        job = self._job
        over = wait([self._receiver, self._process.sentinel], max(0.0, self._deadline - time.monotonic()))
        if not over:
            self._kill()
            return Outcome(job=job, reason=f"not over after {self._seconds * len(job.members):g} seconds")
        reason = self._said()
        if reason is None:
            self._process.join()
            return Outcome(job=job, reason=_cause_of_death(self._process.exitcode), died=True)
        self._process.join(STOP_SECONDS)
        self._kill()
        return Outcome(job=job, reason=reason)

    def stop(self) -> None:
        """Interrupts the job as Ctrl-C would, and waits; a second Ctrl-C kills it."""
        if self._job is None or not self._process.is_alive():
            return
        try:
            os.kill(self._process.pid, signal.SIGINT)
            self._process.join(STOP_SECONDS)
        finally:
            self._kill()

    def _said(self, seconds: float = 0.0) -> str | None:
        try:
            return str(self._receiver.recv()) if self._receiver.poll(seconds) else None
        except EOFError:
            return None

    def _kill(self) -> None:
        """Ends the child, and what it may have started."""
        if self._process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()  # where it had no group of its own yet
            self._process.join()


def _imported() -> list[str]:
    """What the study imported to look up its bodies: its children begin with it."""
    return [name for name in sys.modules if name.startswith(("fpt_plugins.", "transformers.models."))]


def _cause_of_death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL): out of memory, or by somebody"
    if code < 0:
        return f"its process died of {signal.Signals(-code).name}"
    return f"its process ended with exit code {code} and no result"


def _work(job: Work, sender: Connection) -> None:
    """The child: away from the terminal, whose Ctrl-C is for the study, and never without it."""
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sender.send(BEGUN)
    with job.logged():
        try:
            sender.send(job.perform())
        except KeyboardInterrupt:
            sender.send("interrupted")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
