"""Steps per second beside what a careful user would write: the last ``make benchmark`` that was kept.

The figures are those of ``docs/results/benchmarks.json``: the ``results.json`` of ``python -m benchmarks``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parents[1] / "results" / "benchmarks.json"
PLAIN, OURS = "plain loop, fp32", "fpt-plugins"
BESIDE = {
    "plain loop, bf16 autocast": "plain, bf16 autocast",
    "peft, fp32": "peft",
    "full fine-tuning, fp32": "full fine-tuning",
    OURS: "fpt-plugins",
}


def table() -> str:
    """A row per workload: the plain loop's steps per second, and the others as multiples of it."""
    workloads: dict[str, dict[str, Any]] = {}
    for row in json.loads(MEASURED.read_text())["race"]:
        workloads.setdefault(row["workload"], {})[row["contender"]] = row
    beside = [each for each in BESIDE if any(each in rows for rows in workloads.values())]
    heads = [
        "workload",
        PLAIN,
        *(BESIDE[each] for each in beside),
        "share of the bf16 peak",
        "memory, of the plain loop's",
    ]
    lines = [heads, ["---"] * len(heads), *(_cells(name, rows, beside) for name, rows in workloads.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(name: str, rows: Mapping[str, Any], beside: Sequence[str]) -> list[str]:
    ours = rows[OURS]
    times = (f"{rows[each]['times_the_reference']:.2f}x" if each in rows else "-" for each in beside)
    shares = (f"{ours[each]:.0%}" for each in ("share_of_bf16_peak", "share_of_reference_memory"))
    return [name, f"{rows[PLAIN]['steps_per_second']:.3g} steps/s", *times, *shares]
