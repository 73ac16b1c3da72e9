"""L4, shares and serves: nothing piles up, nothing hangs, nothing crawls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from fpt_plugins.testing.subject import Subject

MOST_GROWTH = 24
"""MiB over a hundred rounds: what allocators keep is less, a sample that is kept each round more."""

SLOWEST = 10.0
"""Samples per second, read and tokenized: an epoch of ten thousand in a quarter of an hour."""


def check_long_runs(plugin: Subject) -> None:
    """A hundred rounds leave no more files, threads or memory; a killed worker is an error; no crawling."""
    _ = plugin.tasks
    for task, found in ask("endurance_probes.rounds", plugin.name, seconds=110.0).items():
        for what in ("open files", "threads", "child processes"):
            if found[what] > 0:
                raise ContractBroken(
                    f"{task}: a hundred rounds leave {found[what]} more {what}", "close them"
                )
        if found["MiB"] > MOST_GROWTH:
            raise ContractBroken(
                f"{task}: a hundred rounds leave {found['MiB']:.0f} MiB more in memory",
                "keep nothing of a sample that was given",
            )
        if found["samples per second"] < SLOWEST:
            raise ContractBroken(
                f"{task} gives {found['samples per second']:.1f} samples per second, fewer than {SLOWEST:g}",
                "read what all samples share once, in split()",
            )
        if not found["a killed worker is an error"]:
            raise ContractBroken(f"{task}: a killed worker leaves its reader waiting", "handle no signals")
