"""All the statistics of a study, computed once."""

from __future__ import annotations

import attrs

from fpt_plugins.report.claims import Claim, claims
from fpt_plugins.report.comparison import PairedComparison, compare
from fpt_plugins.report.convergence import Convergence, convergences
from fpt_plugins.report.scores import ArmScores, scores_of
from fpt_plugins.study.results import StudyResults


@attrs.frozen(kw_only=True)
class Analysis:
    """What a study's results say.

    Args:
        results: What was read from its folder.
        scores: Of every arm on every task.
        comparisons: That the study decided on, corrected for their number.
        claims: Of the published table that the study repeats.
        convergences: Steps to the stated thresholds.
    """

    results: StudyResults
    scores: tuple[ArmScores, ...]
    comparisons: tuple[PairedComparison, ...]
    claims: tuple[Claim, ...]
    convergences: tuple[Convergence, ...]

    def on(self, task: str) -> tuple[ArmScores, ...]:
        """The scores on one task."""
        return tuple(scores for scores in self.scores if scores.arm.task == task)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The labels of the study's tasks."""
        return tuple(task.label for task in self.results.study.tasks)


def analyze(results: StudyResults) -> Analysis:
    """Every statistic of a study's results.

    Args:
        results: As :func:`fpt_plugins.study.results.read_results` gives them, finished or not.
    """
    scores = scores_of(results)
    places = {(each.arm.task, each.arm.name): each for each in scores}
    compared = compare(
        [
            (places[first.task, first.name], places[second.task, second.name], question)
            for first, second, question in results.pairs()
        ]
    )
    return Analysis(
        results=results,
        scores=scores,
        comparisons=compared,
        claims=tuple(claims(results.study.published, compared)),
        convergences=convergences(results),
    )
