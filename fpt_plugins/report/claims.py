"""The paper's figures beside ours: which of its differences are seen here, and which are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import attrs

from fpt_plugins.report.comparison import PairedComparison
from fpt_plugins.study.definition import Published, PublishedScores

Verdict = Literal["holds", "does not hold", "not settled", "no difference"]


@attrs.frozen(kw_only=True)
class Claim:
    """A difference that others printed, and what the same comparison says here.

    Args:
        comparison: Ours.
        first: Their figure for its first arm, in per cent.
        second: Their figure for its second arm.
        metric: Of their figures.
        verdict: ``holds``: ours has their sign and the corrected test shows it; ``does not hold``: it shows
            the other sign; ``not settled``: it shows nothing; ``no difference``: they printed none.
    """

    comparison: PairedComparison
    first: float
    second: float
    metric: str
    verdict: Verdict


def claims(published: Published | None, compared: Iterable[PairedComparison]) -> Iterator[Claim]:
    """Every comparison of which both arms have a published figure."""
    tasks = published.tasks if published else {}
    for comparison in compared:
        scores = tasks.get(comparison.task, PublishedScores())
        if comparison.first in scores.values and comparison.second in scores.values:
            first, second = scores.values[comparison.first], scores.values[comparison.second]
            verdict = _verdict(first - second, comparison)
            yield Claim(
                comparison=comparison, first=first, second=second, metric=scores.metric, verdict=verdict
            )


def _verdict(theirs: float, ours: PairedComparison) -> Verdict:
    if not theirs:
        return "no difference"
    if not ours.shown or ours.difference is None:
        return "not settled"
    return "holds" if theirs * ours.difference.mean > 0 else "does not hold"
