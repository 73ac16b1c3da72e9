"""How much an arm depends on its learning rate, and whether one rate for all would tell another story."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from fpt_plugins.study.results import StudyResults
from fpt_plugins.study.selection import Choice


@attrs.frozen(kw_only=True)
class RateSensitivity:
    """What a wrong learning rate costs one arm, by mean validation score.

    Args:
        choice: The arm's sweep and the chosen rate.
        best: The score at the chosen rate.
        beside: The worse of the scores one rate below and above it; ``None`` where neither is known.
        worst: The worst score of the sweep.
    """

    choice: Choice
    best: float
    beside: float | None
    worst: float


@attrs.frozen(kw_only=True)
class SharedRate:
    """Two arms at one learning rate for both, as the paper had it.

    Args:
        rate: The learning rate.
        difference: First minus second, by mean validation score.
    """

    rate: float
    difference: float


def sensitivity(choice: Choice) -> RateSensitivity | None:
    """Of one arm; ``None`` while its rate is not chosen."""
    scores = {each.rate: each.score for each in choice.scores if each.score is not None}
    if choice.rate is None or choice.rate not in scores:
        return None
    worse = min if choice.higher_is_better else max
    rates = [each.rate for each in choice.scores]
    place = rates.index(choice.rate)
    beside = [
        scores[rate]
        for rate in (*rates[max(place - 1, 0) : place], *rates[place + 1 : place + 2])
        if rate in scores
    ]
    return RateSensitivity(
        choice=choice,
        best=scores[choice.rate],
        beside=worse(beside) if beside else None,
        worst=worse(scores.values()),
    )


def at_shared_rates(results: StudyResults, task: str, first: str, second: str) -> Iterator[SharedRate]:
    """The difference of two arms at every rate that both were swept over."""
    firsts, seconds = (
        {each.rate: each.score for each in results.choice(task, name).scores} for name in (first, second)
    )
    for rate, score in firsts.items():
        other = seconds.get(rate)
        if score is not None and other is not None:
            yield SharedRate(rate=rate, difference=score - other)
