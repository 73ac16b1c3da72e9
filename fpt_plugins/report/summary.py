"""The mean of an arm over its seeds, with its interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

import attrs
import scipy.stats

from fpt_plugins.report.tuples import floats

LEVEL = 0.95
"""Of every interval of the report."""


@attrs.frozen
class Summary:
    """Some values, one for each seed.

    Args:
        values: In the order of the seeds, none missing.

    Example:
        >>> Summary([1.0, 2.0, 3.0]).mean, [round(end, 3) for end in Summary([1.0, 2.0, 3.0]).interval]
        (2.0, [-0.484, 4.484])
    """

    values: tuple[float, ...] = attrs.field(converter=floats)

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Student's t-interval of the mean; one value has none."""
        if self.n < 2:
            return None
        spread = float(scipy.stats.sem(self.values))
        if not spread:
            return self.mean, self.mean
        low, high = scipy.stats.t.interval(LEVEL, self.n - 1, loc=self.mean, scale=spread)
        return float(low), float(high)


def summarize(values: Iterable[float | None]) -> Summary | None:
    """The summary of all values; ``None`` where one is missing or is no number, or there are none."""
    found = tuple(values)
    known = [value for value in found if value is not None and math.isfinite(value)]
    return Summary(known) if known and len(known) == len(found) else None
