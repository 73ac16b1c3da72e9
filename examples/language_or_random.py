"""Does language pretraining help on pictures, or would random weights do?

Two arms on the same budget: the frozen body of a small language model, and the same body with
random weights. Each arm trains at two learning rates and is judged by its better one on
validation data, because one untuned rate decides this question by itself (arXiv 2107.12460).
Prints a table beside the floors and draws the learning curves.

    python examples/language_or_random.py [--steps 400] [--out demo]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

import fpt_plugins as fpt

TASK, BACKBONE, BATCH = "images/digits", "minilm", 32
INITS, RATES = ("pretrained", "random"), (1e-3, 1e-2)


def main() -> None:
    """Runs the four trainings, then the test split of each arm's better one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    arguments = parser.parse_args()
    out = new_folder(arguments.out)
    console, started = Console(), time.perf_counter()
    runs = {
        (init, lr): train(out / f"{init}-{lr:g}", init, lr, arguments.steps, console)
        for init in INITS
        for lr in RATES
    }
    better = {init: max(RATES, key=lambda lr: accuracy(runs[init, lr])) for init in INITS}
    tests = {init: fpt.evaluate(out / f"{init}-{better[init]:g}") for init in INITS}
    console.print(table(runs, tests))
    draw(out, better, runs[INITS[0], RATES[0]].evaluations["validation"].floors)
    console.print(f"learning curves: {out / 'learning_curves.png'}")
    console.print(f"{time.perf_counter() - started:.0f} seconds in all")


def new_folder(out: Path) -> Path:
    """``out``, or ``out-2``, ``out-3`` ... where that is taken."""
    names = [out, *(out.with_name(f"{out.name}-{n}") for n in range(2, 1000))]
    return next(name for name in names if not name.exists())


def train(out: Path, init: str, lr: float, steps: int, console: Console) -> Any:
    """One run; returns its record."""
    console.print(f"{init} at learning rate {lr:g} ...", end=" ")
    record = fpt.train(TASK, backbone=BACKBONE, init=init, lr=lr, steps=steps, batch_size=BATCH, out=out)
    console.print(f"validation accuracy {accuracy(record):.3f} in {record.seconds:.0f} s")
    return record


def accuracy(record: Any) -> float:
    """The validation accuracy of a run's best step."""
    return record.evaluations["validation"].metrics["accuracy"]


def table(runs: dict[tuple[str, float], Any], tests: dict[str, Any]) -> Table:
    """Both arms at both rates, the test score of the better one, and the floors."""
    found = Table(title=f"{TASK} on {BACKBONE}, frozen", title_justify="left")
    for name in ("body", *(f"validation at {lr:g}" for lr in RATES), "test at the better"):
        found.add_column(name, justify="left" if name == "body" else "right")
    for init in INITS:
        scores = [f"{accuracy(runs[init, lr]):.3f}" for lr in RATES]
        found.add_row(init, *scores, f"{tests[init].metrics['accuracy']:.3f}")
    for floor in tests["pretrained"].floors:
        found.add_row(floor.name, *("" for _ in RATES), f"{floor.value:.3f}")
    return found


def draw(out: Path, better: dict[str, float], floors: tuple[fpt.Floor, ...]) -> None:
    """Validation accuracy by step, the better rate of each arm solid."""
    figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
    for init, color in zip(INITS, ("tab:blue", "tab:orange"), strict=True):
        for lr in RATES:
            lines = (out / f"{init}-{lr:g}" / "metrics.jsonl").read_text().splitlines()
            rows = [json.loads(line) for line in lines]
            points = [(row["step"], row["accuracy"]) for row in rows if row["split"] == "validation"]
            style = "-" if lr == better[init] else ":"
            axes.plot(*zip(*points, strict=True), style, color=color, label=f"{init}, learning rate {lr:g}")
    for place, floor in enumerate(sorted(floors, key=lambda floor: floor.value)):
        axes.axhline(floor.value, color="gray", linewidth=0.8)
        where = {"xy": (0.01, floor.value), "xycoords": ("axes fraction", "data"), "ha": "left"}
        axes.annotate(floor.name, **where, fontsize=8, color="gray", va="bottom" if place else "top")
    axes.set(xlabel="step", ylabel="validation accuracy", ylim=(0, 1), title=f"{TASK} on {BACKBONE}, frozen")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    figure.savefig(out / "learning_curves.png", dpi=150)


if __name__ == "__main__":
    main()
