"""The suites in processes of their own: a check that ends its process, or never ends, is a result."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeAlias, cast

from fpt_plugins.errors import FptError
from fpt_plugins.options import converter
from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.backbone_suite import backbone_checks_of
from fpt_plugins.testing.checking import Check
from fpt_plugins.testing.fresh_process import start_module
from fpt_plugins.testing.result import TIERS, Result, Tier
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import checks_of

SECONDS_PER_CHECK = 180.0
"""How long one check may take before it counts as hanging."""

SECONDS_TO_START = 120.0
"""Until the process names its first check: no plugin is imported before."""

MOST_HANGING = 2
"""In a row: a plugin that hangs where it is imported would hang in every check."""

Watcher: TypeAlias = Callable[[int, int, str], None]
"""Is told of each check that begins: its place from 1, how many there are, its name."""


def _nobody(_: int, __: int, ___: str) -> None:
    """Watches nothing."""


def check(
    name: str, *, suite: str = "1", patience: float = SECONDS_PER_CHECK, watcher: Watcher = _nobody
) -> list[Result]:
    """Every check of a suite on an installed plugin, in one process as long as it lives, then in another.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
        suite: The suite's version.
        patience: Seconds that one check may take.
        watcher: Is told of each check that begins.

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
    return _results({"plugin": name}, checks, patience, watcher)


def check_backbone(
    name: str,
    *,
    suite: str = "1",
    options: Mapping[str, Any] | None = None,
    patience: float = SECONDS_PER_CHECK,
    watcher: Watcher = _nobody,
) -> list[Result]:
    """Every check of a suite for backbones on one, as :func:`check` does for a plugin.

    Args:
        name: As ``--backbone`` takes it.
        suite: The suite's version.
        options: The backbone's options by name: ``{"layers": 2}``.
        patience: Seconds that one check may take.
        watcher: Is told of each check that begins.

    Raises:
        UnknownName: There is no such backbone or suite.

    Example:
        >>> len(check_backbone("none"))  # doctest: +SKIP
        16
    """
    checks = backbone_checks_of(suite)
    _ = BackboneSubject(name, options).spec
    return _results({"backbone": name, "options": dict(options or {})}, checks, patience, watcher)


def reached(results: list[Result]) -> Tier | None:
    """The highest tier up to which no check failed; ``None`` where one of the first failed."""
    failed = {result.tier for result in results if result.status == "failed"}
    passed = [tier for place, tier in enumerate(TIERS) if not failed & set(TIERS[: place + 1])]
    return passed[-1] if passed else None


def _results(
    subject: Mapping[str, Any], checks: Sequence[Check[Any]], patience: float, watcher: Watcher
) -> list[Result]:
    places = {check.name: place for place, check in enumerate(checks, start=1)}
    results: list[Result] = []
    while len(results) < len(checks):
        if [result.reason for result in results[-MOST_HANGING:]] == [_hangs(patience)] * MOST_HANGING:
            reason = f"not run: each of the {MOST_HANGING} checks before it {_hangs(patience)}"
            return results + [check.result("failed", reason) for check in checks[len(results) :]]
        left = checks[len(results) :]
        results += _some_results(
            subject, left, patience, lambda name: watcher(places[name], len(checks), name)
        )
    return results


def _hangs(patience: float) -> str:
    return f"took more than {patience:g} s"


def _some_results(
    subject: Mapping[str, Any], checks: Sequence[Check[Any]], patience: float, begins: Callable[[str], None]
) -> Iterator[Result]:
    """The results that one process gives; the last may be how a check ended the process."""
    by_name = {check.name: check for check in checks}
    words = (json.dumps(subject), *by_name)
    child = start_module("fpt_plugins.testing.checking_process", *words)
    running, left = None, len(checks)
    try:
        for line in _lines(child, patience):
            if isinstance(line, str):
                running = by_name[line]
                begins(line)
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
        yield running.result("failed", reason, remedy="run this check alone in a debugger")
    elif left:
        why = f"python -m fpt_plugins.testing.checking_process '{words[0]}' {checks[0].name}"
        raise FptError(f"the process for the checks of {words[0]} {reason}", f"see why: {why}")


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
    waits = SECONDS_TO_START
    try:
        while (line := lines.get(timeout=waits)) is not None:
            waits = patience
            yield json.loads(line)
    except queue.Empty:
        raise TimeoutError(_hangs(waits)) from None


def _ending(status: int) -> str:
    return f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"exit code {status}"
