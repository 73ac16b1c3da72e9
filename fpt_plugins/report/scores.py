"""What each arm scored on test data, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.report.declared_task import declared_task
from fpt_plugins.report.summary import Summary, summarize
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.results import StudyCell, StudyResults
from fpt_plugins.task import Floor


@attrs.frozen(kw_only=True)
class ArmScores:
    """The test scores of one arm on one task.

    Args:
        arm: Which.
        metric: Of the scores.
        higher_is_better: Its direction.
        by_seed: Every seed that the study asks for; ``None`` where there is no test score.
        floors: What needs no learning, by that metric on the same split.
    """

    arm: StudyArm
    metric: str
    higher_is_better: bool
    by_seed: Mapping[int, float | None]
    floors: tuple[Floor, ...]

    @property
    def summary(self) -> Summary | None:
        """Over all seeds; ``None`` where one is missing: there is no mean over a hole."""
        return summarize(self.by_seed.values())

    @property
    def known(self) -> int:
        """Seeds with a test score."""
        return sum(value is not None for value in self.by_seed.values())

    @property
    def best_floor(self) -> Floor | None:
        """The floor that is hardest to pass."""
        sign = 1 if self.higher_is_better else -1
        return max(self.floors, key=lambda floor: sign * floor.value, default=None)


def scores_of(results: StudyResults) -> tuple[ArmScores, ...]:
    """The scores of every arm on every task, in the study's order, by the study's metric."""
    return tuple(arm_scores(results, arm, compared_metric(results, arm)) for arm in results.arms)


def compared_metric(results: StudyResults, arm: StudyArm) -> str:
    """The test metric that the study compares: its own, else the one that selects."""
    return results.study.metric or results.choice(arm.task, arm.name).metric


def arm_scores(results: StudyResults, arm: StudyArm, metric: str) -> ArmScores:
    """The scores of one arm by one metric.

    Raises:
        ConfigurationError: Its task has no such metric.
    """
    cells = results.select(arm.task, arm.name, "final")
    floors = next((cell.test.floors for cell in cells if cell.test), ())
    return ArmScores(
        arm=arm,
        metric=metric,
        higher_is_better=_higher_is_better(results, arm, metric),
        by_seed={cell.seed: _score(cell, metric) for cell in cells},
        floors=tuple(floor for floor in floors if floor.metric == metric),
    )


def _score(cell: StudyCell, metric: str) -> float | None:
    if cell.test is None:
        return None
    if metric not in cell.test.metrics:
        raise UnknownName(f"metric of {cell.task}", metric, cell.test.metrics)
    return cell.test.metrics[metric]


def _higher_is_better(results: StudyResults, arm: StudyArm, metric: str) -> bool:
    """A metric's direction: known where it selects; else its task is asked, whose plugin must be here."""
    choice = results.choice(arm.task, arm.name)
    if metric in (choice.metric, "loss"):
        return metric == choice.metric and choice.higher_is_better
    configuration = next((cell.configuration for cell in results.cells if cell.task == arm.task), None)
    if not configuration:
        raise ConfigurationError(f"nothing is known of {arm.task} yet", "run the study first")
    known = {each.name: each for each in declared_task(configuration).metrics}
    if metric not in known:
        raise UnknownName(f"metric of {arm.task}", metric, known)
    return known[metric].higher_is_better
