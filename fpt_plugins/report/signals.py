"""What training did to the gradients and to the trained parameters."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from fpt_plugins.report.summary import Summary, summarize
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.results import StudyCell, StudyResults


@attrs.frozen(kw_only=True)
class TrainingSignals:
    """Of one arm at its chosen rate, over its seeds; ``None`` where a seed is missing or has no record of it.

    Args:
        arm: Which.
        gradient_norm: The median over the steps of the gradient's norm before clipping.
        clipped: The share of steps whose gradient was clipped.
        drift: The relative change of each trained parameter group at the last step, in L2 norm.
    """

    arm: StudyArm
    gradient_norm: Summary | None
    clipped: Summary | None
    drift: Mapping[str, Summary | None]


def training_signals(results: StudyResults, arm: StudyArm) -> TrainingSignals:
    """Reads the rows of an arm's final runs."""
    cells = results.select(arm.task, arm.name, "final")
    drifts = [_last(cell, "validation", "drift") or {} for cell in cells]
    groups = dict.fromkeys(group for drift in drifts for group in drift)
    return TrainingSignals(
        arm=arm,
        gradient_norm=summarize(_of_train(cell, "gradient_norm", statistics.median) for cell in cells),
        clipped=summarize(_last(cell, "train", "clipped") for cell in cells),
        drift={group: summarize(drift.get(group) for drift in drifts) for group in groups},
    )


def _of_train(cell: StudyCell, name: str, over: Callable[[list[float]], float]) -> float | None:
    values = [row[name] for row in cell.rows("train") if name in row] if cell.status == "done" else []
    return over(values) if values else None


def _last(cell: StudyCell, split: str, name: str) -> Any:
    rows = cell.rows(split) if cell.status == "done" else []
    return rows[-1].get(name) if rows else None
