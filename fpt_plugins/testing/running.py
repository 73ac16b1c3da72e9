"""The suite in processes of its own: a check that ends its process, or never ends, is a result."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, cast

from fpt_plugins.errors import FptError
from fpt_plugins.options import converter
from fpt_plugins.testing.fresh_process import start_module
from fpt_plugins.testing.result import Result, Tier
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS, Check, checks_of

SECONDS_PER_CHECK = 60.0
"""How long one check may take before it counts as hanging."""

TIERS: tuple[Tier, ...] = ("L1", "L2", "L3", "L4")


def check(name: str, *, suite: str = "1", patience: float = SECONDS_PER_CHECK) -> list[Result]:
    """Every check of a suite on an installed plugin, in one process as long as it lives, then in another.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
        suite: The suite's version.
        patience: Seconds that one check may take.

    Returns:
        A result for each check, in the suite's order.

    Raises:
        UnknownName: There is no such plugin or suite.

    Example:
        >>> {result.status for result in check("bits")}  # doctest: +SKIP
        {'passed', 'not applicable'}
    """
    checks = checks_of(suite)
    _ = Subject(name).installed
    results: list[Result] = []
    while len(results) < len(checks):
        results += _some_results(name, checks[len(results) :], patience)
    return results


def reached(results: list[Result]) -> Tier | None:
    """The highest tier up to which no check failed; ``None`` where one of the first failed."""
    failed = {result.tier for result in results if result.status == "failed"}
    passed = [tier for place, tier in enumerate(TIERS) if not failed & set(TIERS[: place + 1])]
    return passed[-1] if passed else None


def _some_results(name: str, checks: list[Check], patience: float) -> Iterator[Result]:
    """The results that one process gives; the last may be how a check ended the process."""
    child = start_module("fpt_plugins.testing.checking_process", name, *(check.name for check in checks))
    running, left = None, len(checks)
    try:
        for line in _lines(child, patience):
            if isinstance(line, str):
                running = CHECKS[line]
            else:
                yield converter().structure(line, Result)
                running, left = None, left - 1
        reason = f"ended the process: {_ending(child.wait())}"
    except TimeoutError as error:
        reason = str(error)
    finally:
        child.kill()
        child.wait()
    if running is not None:
        yield running.result("failed", reason)
    elif left:
        why = f"python -m fpt_plugins.testing.checking_process {name} {checks[0].name}"
        raise FptError(f"the process for the checks of {name} {reason}", f"see why: {why}")


def _lines(child: subprocess.Popen[str], patience: float) -> Iterator[object]:
    """What a child writes, as JSON lines, until it ends.

    Raises:
        TimeoutError: It falls silent.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        with cast("IO[str]", child.stdout) as stream:
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while (line := lines.get(timeout=patience)) is not None:
            yield json.loads(line)
    except queue.Empty:
        raise TimeoutError(f"took more than {patience:g} s") from None


def _ending(status: int) -> str:
    return f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"exit code {status}"
