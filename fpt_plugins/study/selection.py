"""An arm's learning rate, chosen on validation data."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import attrs

from fpt_plugins.record import RunRecord


@attrs.frozen(kw_only=True)
class RateScore:
    """What the sweep says of one learning rate.

    Args:
        rate: The learning rate.
        score: The mean over the sweep's seeds of the best validation score; ``None`` where a cell
            is missing or failed.
        loss: The mean validation loss of the same steps.
        failed: Why it cannot be chosen, if a cell failed.
    """

    rate: float
    score: float | None = None
    loss: float | None = None
    failed: str = ""

    @property
    def known(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.score is not None or bool(self.failed)


@attrs.frozen(kw_only=True)
class Choice:
    """The learning rate of one arm on one task.

    Args:
        task: The task's label.
        arm: The arm's name.
        metric: The validation metric that selects.
        higher_is_better: Its direction.
        scores: By rate, in ascending order.
        rate: The chosen one; ``None`` while the sweep is not over, or where every rate failed.
    """

    task: str
    arm: str
    metric: str
    higher_is_better: bool
    scores: tuple[RateScore, ...]
    rate: float | None

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the least or the greatest that was tried: a better one may lie beyond."""
        rates = [score.rate for score in self.scores]
        return self.rate is not None and len(rates) > 1 and self.rate in (rates[0], rates[-1])


def rate_score(rate: float, metric: str, records: Iterable[RunRecord | None], failed: str = "") -> RateScore:
    """The score of one rate from the records of its sweep, ``None`` for a cell that is missing."""
    found = [record and record.evaluations["validation"].metrics for record in records]
    known = [metrics for metrics in found if metrics]
    if failed or len(known) < len(found):
        return RateScore(rate=rate, failed=failed)
    return RateScore(
        rate=rate,
        score=statistics.fmean(metrics[metric] for metrics in known),
        loss=statistics.fmean(metrics["loss"] for metrics in known),
    )


def choose(scores: Iterable[RateScore], *, higher_is_better: bool, complete: bool) -> float | None:
    """The best rate: by score, among equals by loss, then the smaller one.

    Args:
        scores: Of every rate of the sweep.
        higher_is_better: The metric's direction.
        complete: Whether the sweep proposes no other rate.

    Example:
        >>> found = [RateScore(rate=0.1, score=0.5, loss=2.0), RateScore(rate=0.01, score=0.5, loss=1.0)]
        >>> choose(found, higher_is_better=True, complete=True)
        0.01
    """
    found = tuple(scores)
    if not complete or not all(score.known for score in found):
        return None
    sign = -1 if higher_is_better else 1
    ranked = [
        (sign * score.score, score.loss or 0.0, score.rate) for score in found if score.score is not None
    ]
    return min(ranked)[2] if ranked else None
