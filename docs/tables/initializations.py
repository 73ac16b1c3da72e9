"""Five bodies on two tasks, each arm at its own learning rate: what was measured, with intervals.

The scores are those of ``docs/results/initializations.json``, written down once; the intervals are computed.
"""

import json
from pathlib import Path

from scipy import stats

MEASURED = Path(__file__).parents[1] / "results" / "initializations.json"


def table() -> str:
    """One row per body; of each task the rate that validation chose, and the test score over the seeds."""
    found = json.loads(MEASURED.read_text())
    tasks = list(found)
    heads = " | ".join(f"rate on `{task}` | {found[task]['scored_by']}, test" for task in tasks)
    lines = [f"| body | {heads} |", "|---|" + "---|---|" * len(tasks)]
    bodies = dict.fromkeys(body for task in tasks for body in found[task]["bodies"])
    for body in bodies:
        cells = " | ".join(_cells(found[task]["bodies"].get(body)) for task in tasks)
        lines.append(f"| {body} | {cells} |")
    floors = " | ".join(f" | {_floors(found[task]['floors'])}" for task in tasks)
    return "\n".join([*lines, f"| *no learning* | {floors} |"])


def _cells(arm: dict | None) -> str:
    if arm is None:
        return "- | -"
    mean, (low, high) = interval(arm["test"])
    return f"{arm['rate']:g} | {mean:.3f} [{low:.3f}, {high:.3f}], n = {len(arm['test'])}"


def interval(scores: list[float]) -> tuple[float, tuple[float, float]]:
    """Mean and 95 % t-interval of seeds' scores."""
    mean = sum(scores) / len(scores)
    low, high = stats.t.interval(0.95, len(scores) - 1, loc=mean, scale=stats.sem(scores))
    return mean, (float(low), float(high))


def _floors(floors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in floors.items())
