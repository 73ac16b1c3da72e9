"""Starts modules of ours in fresh processes that find the plugins which this one would find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from fpt_plugins.testing.result import ContractBroken


def start_module(
    module: str,
    *arguments: str,
    flags: tuple[str, ...] = (),
    errors: int = subprocess.DEVNULL,
    **variables: str,
) -> subprocess.Popen[str]:
    """A fresh Python that runs a module of ours, its standard output a pipe.

    Args:
        module: The module.
        arguments: Its command line.
        flags: The interpreter's own: ``-O``.
        errors: Where standard error goes.
        variables: Environment variables: ``PYTHONHASHSEED``.
    """
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return subprocess.Popen(  # noqa: S603 # this interpreter and a module of ours
        [sys.executable, "-P", *flags, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", **variables},
    )


def ask(probe: str, *arguments: Any, seconds: float = 100.0, **settings: Any) -> Any:
    """What a function answers in a fresh process.

    Args:
        probe: Its name in :mod:`fpt_plugins.testing.probes`, or ``MODULE.NAME`` of another module here.
        arguments: Plain values.
        seconds: How long it may take.
        settings: As for :func:`start_module`.

    Raises:
        ContractBroken: It raises, ends its process, or takes too long.
    """
    words = (probe, json.dumps(arguments))
    child = start_module("fpt_plugins.testing.probing_process", *words, errors=subprocess.PIPE, **settings)
    try:
        answer, said = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        child.kill()
        said = (child.communicate()[1] or "").strip()
        raise ContractBroken(
            f"no answer in {seconds:g} s; last: {said[-200:] or 'nothing'}",
            "see what it waits for; where the machine was busy, check again",
        ) from error
    if child.returncode != 0:
        last = (said.strip().splitlines() or ["without a word"])[-1]
        raise ContractBroken(f"a fresh process ended with status {child.returncode}: {last}")
    return json.loads(answer)


def own_output() -> IO[str]:
    """Standard output for our own lines; what others print goes to standard error."""
    rows = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return rows
