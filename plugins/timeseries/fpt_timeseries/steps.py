"""The step from one date to the next: a duration, or months of the calendar."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import attrs

DAY = timedelta(days=1)


@attrs.frozen
class Step:
    """A duration, or where ``months`` is not 0 that many calendar months.

    Example:
        >>> Step(months=1).after(datetime(2001, 12, 1))
        datetime.datetime(2002, 1, 1, 0, 0)
        >>> Step(duration=timedelta(hours=1)).season
        24
    """

    duration: timedelta = timedelta(0)
    months: int = 0

    def after(self, date: datetime) -> datetime | None:
        """The date that follows; ``None`` beyond the year 9999.

        The last day of a month is followed by the last day of one.
        """
        try:
            if not self.months:
                return date + self.duration
            next_day = date + DAY
            if next_day.day == 1:
                return _months_later(next_day, self.months) - DAY
            return _months_later(date, self.months)
        except (OverflowError, ValueError):
            return None

    def written(self, date: datetime) -> str:
        """A date as its step needs it: the day alone where steps are whole days or months."""
        return str(
            date if self.duration % DAY or date != date.replace(hour=0, minute=0, second=0) else date.date()
        )

    @property
    def season(self) -> int:
        """Steps per season: those of a day, a week or a year; 0 where none is usual."""
        if self.months:
            return {1: 12, 3: 4, 6: 2}.get(self.months, 0)
        if self.duration < DAY:
            return int(DAY / self.duration) if not DAY % self.duration else 0
        return {DAY: 7, 7 * DAY: 52}.get(self.duration, 0)


def find_step(dates: Sequence[datetime]) -> Step | None:
    """The step of ascending dates; ``None`` where there is not one step for all."""
    months = {_months(other) - _months(one) for one, other in pairwise(dates)}
    candidates = [Step(months=max(months))] if months and min(months) == max(months) > 0 else []
    durations = {other - one for one, other in pairwise(dates)}
    candidates += [Step(duration=durations.pop())] if len(durations) == 1 else []
    return next((step for step in candidates if _fits(step, dates)), None)


def first_irregular(dates: Sequence[datetime]) -> int:
    """The place of the first date that is not as far from the one before as most dates are."""
    durations = [other - one for one, other in pairwise(dates)]
    usual, _ = Counter(durations).most_common(1)[0]
    return next(place for place, duration in enumerate(durations, start=1) if duration != usual)


def _fits(step: Step, dates: Sequence[datetime]) -> bool:
    return all(step.after(one) == other for one, other in pairwise(dates))


def _months(date: datetime) -> int:
    return 12 * date.year + date.month


def _months_later(date: datetime, months: int) -> datetime:
    year, month = divmod(_months(date) - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return date.replace(year=year, month=month + 1, day=min(date.day, last))
