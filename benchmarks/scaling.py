"""What is measured along one axis: sequence length, batch, adapters, plugins installed, seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from benchmarks.agreement import by_seed
from benchmarks.bank import by_adapters
from benchmarks.installed import listing_seconds
from benchmarks.race import race, rows
from benchmarks.workload import BITS, LISTOPS, Workload

REFERENCE = "plain loop, fp32"
NAMES = ("peak fp32", "peak bf16", REFERENCE, "fpt-plugins")


def by_length(*, rounds: int, threads: int) -> list[dict[str, Any]]:
    """ListOps on GPT-2, one sample of a growing number of tokens."""
    workload = Workload(name="tokens", task="listops/lra", options=LISTOPS, batch_size=1)
    return _along(workload, "length", (64, 128, 256, 512, 1024), rounds, threads)


def by_batch(*, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Bits on MiniLM, a growing number of samples."""
    workload = Workload(name="batch", task="bits/memory", options=BITS, backbone="minilm")
    return _along(workload, "batch_size", (1, 4, 16, 64), rounds, threads)


def by_plugins(*, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Importing the package and listing plugins, with a growing number of them installed."""
    del threads  # nothing here computes
    return [{"plugins": number, **listing_seconds(number, rounds=rounds)} for number in (0, 10, 50)]


def _along(
    workload: Workload, field: str, values: Sequence[int], rounds: int, threads: int
) -> list[dict[str, Any]]:
    found = []
    for value in values:
        there = attrs.evolve(workload, name=f"{value} {workload.name}", **{field: value})
        found += rows(there, race(there, NAMES, rounds=rounds, threads=threads), REFERENCE)
    return found


AXES: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "length": by_length,
    "batch": by_batch,
    "adapters": by_adapters,
    "plugins": by_plugins,
    "seed": by_seed,
}
"""What ``--scale`` takes, and each axis's measurement."""
