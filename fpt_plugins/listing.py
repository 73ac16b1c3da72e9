"""What every installed plugin provides, whatever it does when it is imported.

Plugins are imported in a child process (:mod:`fpt_plugins.listing_process`), which prints a row of
JSON before each import and the finished row after it. Where the child dies or falls silent, the
row before tells which plugin did it, and another child goes on with the rest.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import attrs

from fpt_plugins.errors import FptError
from fpt_plugins.options import Option, converter

SECONDS_OF_SILENCE = 2.0
"""How long one plugin may take before it counts as hanging."""

SECONDS_TO_START = 60.0
"""How long the child itself may take: no plugin is to blame for a slow disk."""


@attrs.frozen(kw_only=True)
class TaskListing:
    """A task as ``fpt tasks`` shows it."""

    name: str
    summary: str
    options: list[Option]
    recipe: dict[str, Any]


@attrs.frozen(kw_only=True)
class BackboneListing:
    """A backbone as ``fpt backbones`` shows it; ``missing`` is the command that installs what is missing."""

    name: str
    summary: str
    source: str | None = None
    revision: str | None = None
    license: str | None = None
    embed_dim: int | None = None
    max_length: int | None = None
    layers: int | None = None
    causal: bool | None = None
    inits: list[str] = attrs.field(factory=list)
    options: list[Option] = attrs.field(factory=list)
    missing: str | None = None


@attrs.frozen(kw_only=True)
class PluginListing:
    """A plugin as ``fpt plugins`` shows it: what it provides, or why it cannot be used.

    Where two distributions provide a plugin of one name, both have an error, and their tasks are
    named with their address: ``other-bits:bits/xor``.
    """

    plugin: str
    distribution: str
    version: str
    contract: str | None
    hooks: list[str] = attrs.field(factory=list)
    tasks: list[TaskListing] = attrs.field(factory=list)
    backbones: list[BackboneListing] = attrs.field(factory=list)
    error: str | None = None
    remedy: str = ""


def list_plugins() -> list[PluginListing]:
    """A row for the core and each installed plugin, sorted by name and distribution.

    Raises:
        FptError: The child process itself fails.

    Example:
        >>> list_plugins()[0].distribution
        'fpt-bits'
    """
    rows: list[PluginListing] = []
    while (stopped_by := _list_more(rows)) is not None:
        rows.append(stopped_by)
    return rows


def _list_more(rows: list[PluginListing]) -> PluginListing | None:
    """Add the rows that one child finishes; the row of the plugin that stopped it, if one did."""
    child, announced = _start_child(len(rows)), None
    try:
        for line in _lines(child):
            row = read_row(line)
            if row is None:  # the last line: it got through
                return None
            if announced is not None:
                rows.append(row)
            announced = row if announced is None else None
        reason = f"ended the process that imported it: {_ending(child.wait())}"
    except TimeoutError as error:
        reason = f"timed out: {error}"
    finally:
        child.kill()
        child.wait()
    if announced is None:
        raise FptError(f"the listing of plugins {reason}", "see why: python -m fpt_plugins.listing_process 0")
    return attrs.evolve(announced, error=reason)


def _start_child(start: int) -> subprocess.Popen[str]:
    # The child finds what this process would find, wherever its path came from; -P keeps the
    # working directory from being added to that.
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return subprocess.Popen(  # noqa: S603 # this interpreter and a module of ours
        [sys.executable, "-P", "-m", "fpt_plugins.listing_process", str(start)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
    )


def _lines(child: subprocess.Popen[str]) -> Iterator[str]:
    """The lines of a child until it ends.

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
    patience = SECONDS_TO_START
    try:
        while (line := lines.get(timeout=patience)) is not None:
            yield line
            patience = SECONDS_OF_SILENCE
    except queue.Empty:
        raise TimeoutError(f"no answer in {patience:g} s") from None


def _ending(status: int) -> str:
    return f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"exit code {status}"


def write_row(row: PluginListing | None) -> str:
    """A row as a line of JSON; ``None`` stands after the last."""
    return json.dumps(converter().unstructure(row))


def read_row(line: str) -> PluginListing | None:
    """The row of a line."""
    row = json.loads(line)
    return None if row is None else converter().structure(row, PluginListing)
