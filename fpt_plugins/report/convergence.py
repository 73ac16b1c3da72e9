"""How soon an arm learns: the first step whose validation score reaches a stated threshold."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fpt_plugins.report.summary import Summary, summarize
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.results import StudyCell, StudyResults


@attrs.frozen(kw_only=True)
class Convergence:
    """The steps that one arm took to a threshold.

    Args:
        arm: Which.
        metric: The validation metric.
        threshold: That it has to reach.
        every: Steps between two looks at validation data: how exact the steps are.
        by_seed: The first step at or past the threshold; ``None`` where no step is, or the run is not over.
    """

    arm: StudyArm
    metric: str
    threshold: float
    every: int | None
    by_seed: Mapping[int, int | None]

    @property
    def reached(self) -> int:
        """Seeds that reached it."""
        return sum(step is not None for step in self.by_seed.values())

    @property
    def summary(self) -> Summary | None:
        """Over all seeds; ``None`` where one did not reach it."""
        return summarize(self.by_seed.values())


def convergences(results: StudyResults) -> tuple[Convergence, ...]:
    """Of every arm on the tasks for which the study states a threshold."""
    thresholds = {task.label: task.threshold for task in results.study.tasks if task.threshold is not None}
    return tuple(
        _convergence(results, arm, thresholds[arm.task]) for arm in results.arms if arm.task in thresholds
    )


def _convergence(results: StudyResults, arm: StudyArm, threshold: float) -> Convergence:
    choice, cells = results.choice(arm.task, arm.name), results.select(arm.task, arm.name, "final")
    sign = 1 if choice.higher_is_better else -1
    return Convergence(
        arm=arm,
        metric=choice.metric,
        threshold=threshold,
        every=next((cell.configuration["evaluate_every"] for cell in cells if cell.configuration), None),
        by_seed={cell.seed: _first_step(cell, choice.metric, threshold, sign) for cell in cells},
    )


def _first_step(cell: StudyCell, metric: str, threshold: float, sign: int) -> int | None:
    if cell.status != "done":
        return None
    steps = (row["step"] for row in cell.rows("validation") if sign * row[metric] >= sign * threshold)
    return next(steps, None)
