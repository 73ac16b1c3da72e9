"""Contenders side by side: a step of each in turn, round after round, so that all meet the same load."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import attrs

from benchmarks.contender import MATRIX
from benchmarks.workload import Workload


@attrs.define
class Runner:
    """A contender's process, and what it has reported.

    Args:
        name: In the tables.
        process: Its process.
        start_seconds: From its start to the end of its first step.
        saved_bytes: Of what training changes.
        steps: Seconds of each later step.
        cpu_steps: Processor seconds of each later step, over all threads.
        peak_bytes: The most memory it held.
    """

    name: str
    process: subprocess.Popen[str]
    start_seconds: float = 0.0
    saved_bytes: int = 0
    steps: list[float] = attrs.field(factory=list)
    cpu_steps: list[float] = attrs.field(factory=list)
    peak_bytes: int = 0

    def read(self) -> dict[str, Any]:
        """Its next answer."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened with one
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()} (-9: out of memory, perhaps)")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, word: str) -> dict[str, Any]:
        """Its answer to a word."""
        assert self.process.stdin is not None  # noqa: S101 - as above
        with suppress(BrokenPipeError):  # then there is no answer, which says how it ended
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
        return self.read()

    def step(self) -> None:
        """Has it take a step."""
        taken = self.tell("step")
        self.steps.append(taken["seconds"])
        self.cpu_steps.append(taken["cpu_seconds"])


@contextmanager
def started(name: str, workload: Workload, threads: int) -> Iterator[Runner]:
    """A contender after its first step; ended and waited for on leaving."""
    described = json.dumps(attrs.asdict(workload))
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-W", "ignore", "-m", "benchmarks.contender", name, described],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    ) as process:
        runner = Runner(name, process)
        try:
            runner.saved_bytes = runner.read()["saved_bytes"]
            runner.start_seconds = time.perf_counter() - began
            yield runner
            runner.peak_bytes = runner.tell("end")["peak_bytes"]
        finally:
            process.kill()


def race(workload: Workload, names: Iterable[str], *, rounds: int, threads: int) -> dict[str, Runner]:
    """Each contender's steps, taken in turn; the first round after the start is not counted."""
    with ExitStack() as stack:
        runners = [stack.enter_context(started(name, workload, threads)) for name in names]
        for _ in range(rounds):
            for runner in runners:
                runner.step()
    return {runner.name: runner for runner in runners}


def rows(workload: Workload, runners: dict[str, Runner], reference: str) -> list[dict[str, Any]]:
    """What the tables show of a race, one row for each contender but the matrix products.

    Ratios are of medians over the rounds.
    """
    peaks = {
        name.removeprefix("peak "): 2 * MATRIX**3 / statistics.median(runners.pop(name).steps)
        for name in ("peak fp32", "peak bf16")
    }
    work, samples = workload.floating_point_operations(), workload.batch_size
    length = workload.batch(
        workload.build(precision="fp32", backbone_options={"layers": 0}).task
    ).tokens.shape[1]
    slowest = statistics.median(runners[reference].steps)
    found = []
    for name, runner in runners.items():
        seconds = statistics.median(runner.steps)
        found.append(
            {
                "workload": workload.name,
                "contender": name,
                "seconds_per_step": seconds,
                "cpu_seconds_per_step": statistics.median(runner.cpu_steps),
                "steps_per_second": 1 / seconds,
                "tokens_per_second": samples * length / seconds,
                "times_the_reference": slowest / seconds,
                "share_of_bf16_peak": work / seconds / peaks["bf16"],
                "peak_bytes": runner.peak_bytes,
                "share_of_reference_memory": runner.peak_bytes / runners[reference].peak_bytes,
                "saved_bytes": runner.saved_bytes,
                "start_seconds": runner.start_seconds,
                "bf16_peak": peaks["bf16"],
                "fp32_peak": peaks["fp32"],
            }
        )
    return found
