"""Two arms over the same seeds: is the difference more than the seeds' own spread?"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import scipy.stats

from fpt_plugins.report.scores import ArmScores
from fpt_plugins.report.summary import Summary
from fpt_plugins.study.arms import StudyArm

ALPHA = 0.05
"""A corrected p-value below it is called a difference."""

ROUNDING = 1e-9
"""Differences that lie closer together are equal: scores are ratios, computed in 64 bits."""


@attrs.frozen(kw_only=True)
class PairedComparison:
    """The difference of two arms on one task, first minus second.

    Args:
        task: The task's label.
        arms: The two.
        question: What the difference answers.
        metric: What is compared.
        higher_is_better: Its direction.
        difference: Over the seeds that both were asked for; ``None`` where a score is missing.
        p: Of the paired t-test, two-sided; ``None`` where it says nothing, for ``reason``.
        wilcoxon: Of Wilcoxon's signed-rank test, two-sided, which assumes no normal distribution.
        corrected: ``p`` after Holm's correction for all comparisons of the study.
        reason: Why there is no test.
    """

    task: str
    arms: tuple[StudyArm, StudyArm]
    question: str
    metric: str
    higher_is_better: bool
    difference: Summary | None
    p: float | None = None
    wilcoxon: float | None = None
    corrected: float | None = None
    reason: str = ""

    @property
    def first(self) -> str:
        """The first arm's name."""
        return self.arms[0].name

    @property
    def second(self) -> str:
        """The other's."""
        return self.arms[1].name

    @property
    def shown(self) -> bool:
        """Whether the corrected test shows a difference."""
        return self.corrected is not None and self.corrected < ALPHA

    @property
    def seen(self) -> bool:
        """Whether the test shows a difference that the correction takes back."""
        return self.p is not None and self.p < ALPHA and not self.shown


def compare(pairs: Sequence[tuple[ArmScores, ArmScores, str]]) -> tuple[PairedComparison, ...]:
    """Compares pairs of arms, and corrects for how many there are.

    Args:
        pairs: All that the study decided on beforehand, with their questions. Those that cannot be
            tested count as p = 1, so that the others are not favored by what is missing.
    """
    found = [_paired(*pair) for pair in pairs]
    corrected = holm([1.0 if each.p is None else each.p for each in found])
    return tuple(
        attrs.evolve(each, corrected=None if each.p is None else p)
        for each, p in zip(found, corrected, strict=True)
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6, 1979, 65-70), which scipy lacks.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    factors = len(order) - np.arange(len(order))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * np.asarray(p_values)[order]))
    return [float(p) for p in corrected]


def _paired(first: ArmScores, second: ArmScores, question: str) -> PairedComparison:
    seeds = sorted(first.by_seed.keys() | second.by_seed.keys())
    values = [(first.by_seed.get(seed), second.by_seed.get(seed)) for seed in seeds]
    known = [(a, b) for a, b in values if a is not None and b is not None]
    whole = bool(known) and len(known) == len(values)
    found = PairedComparison(
        task=first.arm.task,
        arms=(first.arm, second.arm),
        question=question,
        metric=first.metric,
        higher_is_better=first.higher_is_better,
        difference=Summary(a - b for a, b in known) if whole else None,
        reason=_untestable(known) if whole else "a seed has no test score",
    )
    if found.reason:
        return found
    p, wilcoxon = (
        float(test(*np.asarray(known).T).pvalue) for test in (scipy.stats.ttest_rel, scipy.stats.wilcoxon)
    )
    return attrs.evolve(found, p=p, wilcoxon=wilcoxon)


def _untestable(pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < 2:
        return "one seed has no spread to compare with"
    if np.ptp([a - b for a, b in pairs]) < ROUNDING:
        return "the difference is the same for every seed, so there is no spread to compare with"
    return ""
