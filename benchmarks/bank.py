"""What a bank saves: runs trained together against in turn, adapters answering together against in turn.

    python benchmarks/bank.py [--backbone gpt2-mini] [--precision bf16] [--rounds 10]
    python benchmarks/bank.py --commands 1200    # whole runs, as they are started in a shell

Both sides are timed in one process (whole commands: started by one), one round of each after the other,
so that whatever else the machine does falls on both. A ratio is the quotient of the two medians;
processor time is given beside wall-clock time, for a machine that others use.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

import fpt_plugins as fpt
from fpt_plugins.sweep import Sweep, arms_of
from fpt_plugins.training import open_training
from fpt_plugins.training_loop import ROWS

TASK, BATCH, NEVER = "bits/xor", 4, 1_000_000
RATES, SEEDS = (3e-4, 1e-3, 3e-3, 1e-2), 2
ADAPTERS, SAMPLES = 16, 4

Rounds = dict[str, list[tuple[float, float]]]


def interleaved(sides: Mapping[str, Callable[[], object]], rounds: int, uncounted: int = 1) -> Rounds:
    """Wall-clock and processor seconds of each round of each side, but for the first ones."""
    found: Rounds = {name: [] for name in sides}
    for number in range(uncounted + rounds):
        for name, call in sides.items():
            wall, processor = time.perf_counter(), _processor_seconds()
            call()
            if number >= uncounted:
                found[name].append((time.perf_counter() - wall, _processor_seconds() - processor))
    return found


def _processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def times(rounds: Rounds) -> dict[str, float]:
    """The median wall-clock seconds of both sides, and how many times faster the first is by either clock."""
    wall, processor = (
        {name: statistics.median(each[clock] for each in found) for name, found in rounds.items()}
        for clock in (0, 1)
    )
    first, second = rounds
    return {
        "together_seconds": wall[first],
        "in_turn_seconds": wall[second],
        "times": wall[second] / wall[first],
        "processor_times": processor[second] / processor[first],
    }


def by_adapters(*, rounds: int, threads: int) -> list[dict[str, Any]]:
    """What several runs or adapters over one body take together and in turn."""
    torch.set_num_threads(threads)
    eight = (SEEDS,)
    each = [
        ("gpt2-mini", "60 steps of each run", lambda o, k: train(o, rounds, 60, k, looks=False), eight),
        ("gpt2-mini", "60 steps, then a look", lambda o, k: train(o, rounds, 60, k), (1, 2, 4)),
        ("minilm", "20 steps, then a look", lambda o, k: train(o, rounds, 20, k), eight),
        ("gpt2", "5 steps, then a look", lambda o, k: train(o, rounds, 5, k), eight),
        ("gpt2-mini", "1,200 steps, as whole commands", lambda o, _: commands(o, 1, 1200), eight),
    ]
    found = [
        {
            "backbone": backbone,
            "what": what,
            "adapters": len(RATES) * seeds,
            **times(measure(on(backbone), seeds)),
        }
        for backbone, what, measure, all_seeds in each
        for seeds in all_seeds
    ]
    asked = {"backbone": "gpt2-mini", "what": "four answers of each", "adapters": ADAPTERS}
    return [*found, {**asked, **times(predict(on("gpt2-mini"), rounds))}]


def on(backbone: str, **settings: Any) -> dict[str, Any]:
    """Settings of runs over one body, which is random so that nothing must be fetched."""
    return {"backbone": backbone, "init": "random", "init_seed": 0, "device": "cpu", **settings}


@contextmanager
def runs(
    root: Path, settings: Mapping[str, Any], every: int, seeds: int = SEEDS, steps: int = NEVER
) -> Iterator[tuple[Any, list[Any]]]:
    """A population at its first step, and the same runs apart; all look at validation data alike."""
    given = {**settings, "batch_size": BATCH, "steps": steps, "evaluate_every": every}
    sweep = Sweep.new(root / "together", arms_of(TASK, RATES, seeds, given), given)
    with ExitStack() as stack:
        population = stack.enter_context(sweep.population(next(sweep.groups())))
        apart = []
        for name, arm in sweep.arms.items():
            own = {**given, "lr": arm.lr, "seed": arm.seed}
            apart.append(stack.enter_context(open_training(TASK, root / name, resume=False, settings=own)))
        yield population, apart


def train(
    settings: Mapping[str, Any], rounds: int, steps: int, seeds: int = SEEDS, *, looks: bool = True
) -> Rounds:
    """A round is some steps of every run; after them a look at validation data and a checkpoint, or not."""
    whole = steps * ROWS  # the last step of a round has a row of training data too
    asked = {"every": steps if looks else whole, "seeds": seeds, "steps": whole}
    split = "validation" if looks else "train"
    with tempfile.TemporaryDirectory() as root, runs(Path(root), settings, **asked) as found:
        population, apart = found
        last = list(population.trainings)[-1]
        together, alone = population.rows(), [training.rows() for training in apart]

        def in_turn() -> None:
            for rows in alone:
                next(row for row in rows if row["split"] == split)

        sides = {
            "together": lambda: next(n for n, row in together if n == last and row["split"] == split),
            "in turn": in_turn,
        }
        return interleaved(sides, rounds)


def commands(settings: Mapping[str, Any], rounds: int, steps: int) -> Rounds:
    """A round is one command for all runs, and one for each; a process's start and a run's end count."""
    given = {**settings, "batch_size": BATCH, "steps": steps}
    words = ["train", TASK, *(f"--{name.replace('_', '-')}={value}" for name, value in given.items())]
    with tempfile.TemporaryDirectory() as folder:
        places = (Path(folder) / str(number) for number in itertools.count())

        def in_turn() -> None:
            for rate, seed in itertools.product(RATES, range(SEEDS)):
                _fpt([*words, f"--lr={rate}", f"--seed={seed}", f"--out={next(places)}"])

        def together() -> None:
            rates = ",".join(map(str, RATES))
            _fpt([*words, f"--lr={rates}", f"--seeds={SEEDS}", f"--out={next(places)}"])

        return interleaved({"together": together, "in turn": in_turn}, rounds, uncounted=0)


def _fpt(words: list[str]) -> None:
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-m", "fpt_plugins", *words]
    subprocess.run(command, check=True, capture_output=True, env=threads)  # noqa: S603 - this interpreter


def predict(settings: Mapping[str, Any], rounds: int) -> Rounds:
    """A round loads 16 adapters and answers four samples with each."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runs"
        rates = [1e-3 * (1 + number) for number in range(ADAPTERS)]
        fpt.train_population(TASK, out=out, lr=rates, **settings, steps=1, batch_size=BATCH)
        places = {path.name: path for path in out.glob("lr=*")}
        split: Any = fpt.load(next(iter(places.values()))).task.split("test")
        samples = [split[number][0] for number in range(SAMPLES)]
        asked = [(name, sample) for name in places for sample in samples]
        sides = {
            "together": lambda: fpt.load_many(places, device="cpu").predict(asked),
            "in turn": lambda: [fpt.load(place, device="cpu").predict(samples) for place in places.values()],
        }
        return interleaved(sides, rounds)


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="gpt2-mini")
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"))
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of a round; a run of 1,200 looks that often")
    parser.add_argument("--commands", type=int, metavar="STEPS", help="whole commands of so many steps alone")
    asked = parser.parse_args()
    settings = on(asked.backbone, precision=asked.precision, dropout=asked.dropout)
    if asked.commands:
        print("whole commands", times(commands(settings, asked.rounds, asked.commands)))
    else:
        for name, looks in (("steps", False), ("steps and a look", True)):
            print(name, times(train(settings, asked.rounds, asked.steps, looks=looks)), flush=True)
        print("answering", times(predict(settings, asked.rounds)))


if __name__ == "__main__":
    main()
