"""How many cells a study has, how many are over, and how long the others will take."""

from __future__ import annotations

import statistics

import attrs

from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Study
from fpt_plugins.study.grid import Grid
from fpt_plugins.study.ledger import Ledger


@attrs.frozen(kw_only=True)
class Forecast:
    """How far a study is.

    Args:
        total: Runs in all, those included whose learning rate is not known yet.
        done: Runs that are over.
        failed: Runs that were given up.
        seconds_left: Of training, shared by the workers; ``None`` before the first run is over.
    """

    total: int
    done: int
    failed: int
    seconds_left: float | None


def forecast(study: Study, grid: Grid, ledger: Ledger) -> Forecast:
    """How far a study is: a missing run is taken to last as long as those of its arm did, or of its task."""
    cells = {cell.identity: cell for cell in grid.cells}
    states = {identity: ledger.state(identity) for identity in cells}
    lasted = _lasted(cells, ledger)
    waiting = [(c.task, c.arm) for i, c in cells.items() if states[i] in {"missing", "begun"}]
    unnamed = [(arm, count) for arm, count in _unnamed(study, grid) if count]
    waiting += [place for place, count in unnamed for _ in range(count)]
    left = sum(_expected(lasted, task, arm) for task, arm in waiting) if lasted else None
    return Forecast(
        total=len(cells) + sum(count for _, count in unnamed),
        done=sum(state == "done" for state in states.values()),
        failed=sum(state == "failed" for state in states.values()),
        seconds_left=None if left is None else left / grid.workers,
    )


def _lasted(cells: dict[str, Cell], ledger: Ledger) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for identity, cell in cells.items():
        record = ledger.record(identity)
        if record:
            found.setdefault((cell.task, cell.arm), []).append(record.seconds)
    return found


def _expected(lasted: dict[tuple[str, str], list[float]], task: str, arm: str) -> float:
    same = lasted.get((task, arm)) or [s for (t, _), each in lasted.items() if t == task for s in each]
    return statistics.fmean(same or [seconds for each in lasted.values() for seconds in each])


def _unnamed(study: Study, grid: Grid) -> list[tuple[tuple[str, str], int]]:
    """The runs of arms whose learning rate is still open: each of its seeds that the sweep does not have."""
    count = len(set(study.seeds) - set(study.sweep.seeds))
    return [
        ((choice.task, choice.arm), count)
        for choice in grid.choices
        if choice.rate is None and not all(score.failed for score in choice.scores)
    ]
