"""What a bank saves: runs trained together against in turn, adapters answering together against in turn.

    python benchmarks/bank.py [--backbone gpt2-mini] [--arms 8] [--adapters 16] [--rounds 20]

Both sides are timed in one process, one round of each after the other, so that whatever else the
machine does falls on both. A ratio is the quotient of the two medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fpt_plugins.sweep import Sweep, arms_of
from fpt_plugins.training import open_training

TASK = "bits/xor"
RATES = (3e-4, 1e-3, 3e-3, 1e-2)


def settings_of(backbone: str, precision: str, dropout: float) -> dict[str, Any]:
    """A run of batch 4 that looks at validation data as often as the task's recipe does."""
    return {
        "backbone": backbone,
        "init": "random",
        "init_seed": 0,
        "batch_size": 4,
        "dropout": dropout,
        "precision": precision,
        "device": "cpu",
    }


def interleaved(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each side, one round of each after the other; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def report(title: str, seconds: Mapping[str, float], unit: str, count: int) -> None:
    """Prints what each side does in a second, and how often the first does the second's work."""
    first, second = seconds
    for name, each in seconds.items():
        print(f"{title}, {name}: {count / each:,.1f} {unit} per second")
    print(f"{title}, {first} against {second}: {seconds[second] / seconds[first]:.2f} times\n", flush=True)


@contextmanager
def looking_every(
    steps: int, root: Path, settings: Mapping[str, Any], arms: int
) -> Iterator[tuple[Any, Any]]:
    """A population, and the same runs apart, all at their first step."""
    rates, seeds = RATES[: max(1, arms // 2)], 2
    given = {**settings, "steps": 1_000_000, "evaluate_every": steps}
    sweep = Sweep.new(root / "together", arms_of(TASK, rates, seeds, given), given)
    with ExitStack() as stack:
        population = stack.enter_context(sweep.population(next(sweep.groups())))
        apart = [
            stack.enter_context(
                open_training(
                    TASK, root / name, resume=False, settings={**given, "lr": arm.lr, "seed": arm.seed}
                )
            )
            for name, arm in sweep.arms.items()
        ]
        yield population, apart


def train(settings: Mapping[str, Any], arms: int, rounds: int, steps: int = 10) -> None:
    """Training steps of all arms, with a look and a checkpoint at the end of each round."""
    with (
        tempfile.TemporaryDirectory() as root,
        looking_every(steps, Path(root), settings, arms) as (population, apart),
    ):
        together, alone = population.rows(), [training.rows() for training in apart]
        last = list(population.trainings)[-1]

        def one_round(rows: Iterator[Any], is_last: Callable[[Any], bool]) -> None:
            next(row for row in rows if is_last(row))

        sides = {
            "together": lambda: one_round(
                together, lambda row: row[0] == last and row[1]["split"] == "validation"
            ),
            "in turn": lambda: [one_round(rows, lambda row: row["split"] == "validation") for rows in alone],
        }
        title = f"{len(apart)} runs of {TASK} on {settings['backbone']}"
        report(title, interleaved(sides, rounds), "steps", steps * len(apart))


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="gpt2-mini")
    parser.add_argument("--arms", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--dropout", type=float, default=0.0)
    asked = parser.parse_args()
    settings = settings_of(asked.backbone, asked.precision, asked.dropout)
    train(settings, asked.arms, asked.rounds)


if __name__ == "__main__":
    main()
