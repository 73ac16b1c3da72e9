"""Arms on tasks, each at its own learning rate, as a table: test scores with intervals, and the floors below.

The scores are those of a file in ``docs/results``, written down once; the intervals are computed.
"""

import json
from pathlib import Path

from scipy import stats

RESULTS = Path(__file__).parents[1] / "results"


def arms_table(name: str, what: str) -> str:
    """One row per arm; of each task the rate that validation chose, and the test score over the seeds.

    Args:
        name: Of the file.
        what: The arms are, as the first column's heading.
    """
    found = json.loads((RESULTS / name).read_text())
    heads = " | ".join(f"rate on `{task}` | {found[task]['scored_by']}, test" for task in found)
    lines = [f"| {what} | {heads} |", "|---|" + "---|---|" * len(found)]
    for arm in dict.fromkeys(arm for task in found.values() for arm in task["arms"]):
        cells = " | ".join(_cells(task["arms"].get(arm)) for task in found.values())
        lines.append(f"| {arm} | {cells} |")
    floors = " | ".join(f" | {_floors(task['floors'])}" for task in found.values())
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
