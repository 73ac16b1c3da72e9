"""What a person sees of a study: how far it is while it runs, and its state in a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Study
from fpt_plugins.study.forecast import Forecast, forecast
from fpt_plugins.study.grid import Grid
from fpt_plugins.study.ledger import Ledger
from fpt_plugins.study.results import StudyResults
from fpt_plugins.study.workers import Outcome


class GridProgress:
    """Tells a console how a study goes on: a live bar on a terminal, and a line for each job that is over.

    Args:
        console: Where.
        bar: The live bar, if there is one.
    """

    def __init__(self, console: Console, bar: Progress | None) -> None:
        self._console, self._bar = console, bar
        self._task = bar.add_task("", total=None) if bar else None
        self._forecast = Forecast(total=0, done=0, failed=0, seconds_left=None)

    def grid(self, study: Study, grid: Grid, ledger: Ledger) -> None:
        """The grid as it is now."""
        self._forecast = forecast(study, grid, ledger)
        if self._bar and self._task is not None:
            over = self._forecast.done + self._forecast.failed
            self._bar.update(
                self._task, total=self._forecast.total, completed=over, description=self._words()
            )

    def settled(self, cell: Cell, outcome: Outcome) -> None:
        """A line for the job that is over."""
        runs = len(outcome.job.members)
        place = f"lr {cell.lr:g}, seed {cell.seed}" if runs == 1 else f"{runs} runs in one pass"
        name = f"{cell.task}, {cell.arm or 'comes first'}, {place}"
        result = f"came to nothing: {outcome.reason}" if outcome.reason else f"{outcome.job.work}: done"
        self._console.print(f"{name}: {result}; {self._words()}")

    def _words(self) -> str:
        known = self._forecast
        failed = f", {known.failed} failed" if known.failed else ""
        return f"{known.done} of {known.total} cells{failed}, {duration(known.seconds_left)} left"


@contextmanager
def grid_progress(console: Console) -> Iterator[GridProgress]:
    """Progress for a whole grid."""
    if not console.is_terminal:
        yield GridProgress(console, None)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield GridProgress(console, bar)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them.

    Example:
        >>> duration(7300), duration(95), duration(None)
        ('2 h 2 min', '2 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if seconds >= 60 else f"{seconds:.0f} s"


def status_table(results: StudyResults) -> Table:
    """Each arm on each task: its sweep, its learning rate, its seeds, and their mean validation score."""
    table = Table(
        title=f"{results.study.name} at {results.study.scale} scale: {results.standing()}",
        title_justify="left",
    )
    for name in ("task", "arm", "sweep", "learning rate", "seeds", "failed", "validation"):
        table.add_column(name, justify="left" if name in {"task", "arm"} else "right")
    for choice in results.choices:
        sweep, finals = (results.select(choice.task, choice.arm, role) for role in ("sweep", "final"))
        rate = "" if choice.rate is None else f"{choice.rate:g}{' (edge)' if choice.at_edge else ''}"
        scores = [cell.validation.metrics[choice.metric] for cell in finals if cell.validation]
        table.add_row(
            choice.task,
            choice.arm,
            f"{sum(cell.status == 'done' for cell in sweep)}/{len(sweep)}",
            rate,
            f"{sum(cell.status == 'done' for cell in finals)}/{len(finals)}",
            str(sum(cell.status == "failed" for cell in (*sweep, *finals)) or ""),
            f"{sum(scores) / len(scores):.4f}" if len(scores) == len(finals) else "",
        )
    return table


def cell_table(results: StudyResults) -> Table:
    """Every cell: what became of it, and why."""
    table = Table(title=results.study.name, title_justify="left")
    for name in ("task", "arm", "role", "learning rate", "seed", "status", "folder", "reason"):
        table.add_column(name, justify="right" if name in {"learning rate", "seed"} else "left")
    for cell in results.cells:
        rate = "" if cell.lr is None else f"{cell.lr:g}"
        place = cell.folder.name if cell.folder else ""
        table.add_row(cell.task, cell.arm, cell.role, rate, str(cell.seed), cell.status, place, cell.reason)
    return table
