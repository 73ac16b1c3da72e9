"""How much an arm depends on its learning rate, and whether one rate for all would tell another story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from fpt_plugins.report.comparison import PairedComparison
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
class SharedRates:
    """Two arms at one learning rate for both, as the paper had it; differences are first minus second.

    Args:
        comparison: The two arms.
        own: The difference of mean validation scores with each arm at its own rate.
        shared: The same at each rate that both were swept over.
    """

    comparison: PairedComparison
    own: float
    shared: Mapping[float, float]

    @property
    def turned(self) -> tuple[float, ...]:
        """The shared rates at which the order is the other one."""
        return tuple(rate for rate, difference in self.shared.items() if difference * self.own < 0)


def sensitivity(choice: Choice) -> RateSensitivity | None:
    """Of one arm; ``None`` while its rate is not chosen."""
    scores = _known(choice)
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


def shared_rates(results: StudyResults, compared: Iterable[PairedComparison]) -> tuple[SharedRates, ...]:
    """Of every comparison of which both arms have a rate, and share another."""
    found = (_shared(results, each) for each in compared)
    return tuple(each for each in found if each and len(each.shared) > 1)


def _shared(results: StudyResults, compared: PairedComparison) -> SharedRates | None:
    names = (compared.first, compared.second)
    firsts, seconds = (results.choice(compared.task, name) for name in names)
    best = sensitivity(firsts), sensitivity(seconds)
    if best[0] is None or best[1] is None:
        return None
    others = _known(seconds)
    return SharedRates(
        comparison=compared,
        own=best[0].best - best[1].best,
        shared={rate: score - others[rate] for rate, score in _known(firsts).items() if rate in others},
    )


def _known(choice: Choice) -> dict[float, float]:
    return {each.rate: each.score for each in choice.scores if each.score is not None}
