"""The command: races, then scaling, stored as they are done and printed at the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from benchmarks.contender import CONTENDERS
from benchmarks.race import race, rows
from benchmarks.report import machine, markdown, store
from benchmarks.scaling import AXES, REFERENCE
from benchmarks.workload import QUICK, WORKLOADS

app = App(name="python -m benchmarks", help="Speed, memory and scale beside what a careful user would write.")

Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]
PEAKS = ("peak fp32", "peak bf16")
USUAL = (REFERENCE, "plain loop, bf16 autocast", "peft, fp32", "full fine-tuning, fp32", "fpt-plugins")


@app.default
def main(
    *,
    only: Annotated[Words, Parameter(help="Workloads whose name holds one of these words.")] = None,
    contenders: Annotated[Words, Parameter(help=f"Beside the first: {', '.join(CONTENDERS)}.")] = None,
    scale: Annotated[Words, Parameter(help=f"Axes of growth: {', '.join(AXES)}, or none.")] = None,
    rounds: Annotated[int, Parameter(help="Steps of each contender that are counted.")] = 5,
    threads: Annotated[int, Parameter(help="Of each contender.")] = os.cpu_count() or 1,
    quick: Annotated[bool, Parameter(negative="", help="A small workload, two rounds, and plugins.")] = False,
    out: Annotated[Path, Parameter(help="Where results.json and results.md are written.")] = Path(
        "benchmarks"
    ),
) -> None:
    """Race every workload and measure every axis; an hour on two cores."""
    workloads = [
        w for w in (QUICK if quick else WORKLOADS) if not only or any(word in w.name for word in only)
    ]
    names = tuple(dict.fromkeys((*PEAKS, REFERENCE, *(contenders or USUAL))))
    axes = [axis for axis in scale or (["plugins"] if quick else AXES) if axis != "none"]
    rounds = 2 if quick else rounds
    results: dict[str, Any] = {"machine": machine(threads), "race": [], "scale": {}}
    for workload in workloads:
        print(f"racing {workload.name} ...", file=sys.stderr)
        racing = [name for name in names if name not in workload.without]
        results["race"] += rows(workload, race(workload, racing, rounds=rounds, threads=threads), REFERENCE)
        store(results, out)
    for axis in axes:
        print(f"measuring by {axis} ...", file=sys.stderr)
        results["scale"][axis] = AXES[axis](rounds=rounds, threads=threads)
        store(results, out)
    print(markdown(results))


if __name__ == "__main__":
    app()
