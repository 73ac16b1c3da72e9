"""Learning-rate curves: what the sweep found for each arm, and how much hangs on the choice."""

from __future__ import annotations

from collections.abc import Iterator

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.figure import ReportFigure
from fpt_plugins.report.lines import Line, draw_lines
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.rates import sensitivity, shared_rates
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import HOLE, count, listed, score, signed
from fpt_plugins.study.selection import Choice

NOTE = "Mean over the sweep's seeds of the best validation score; a ring marks the rate that was chosen."


def rate_curves(analysis: Analysis) -> Iterator[ReportFigure]:
    """A figure for each task of which an arm was swept over two rates or more."""
    for task in analysis.tasks:
        lines = [
            line
            for choice in analysis.results.choices
            if choice.task == task and (line := _line(choice)) and len(line.x) > 1
        ]
        if lines:
            yield _figure(analysis, task, lines)


def _line(choice: Choice) -> Line:
    known = [(each.rate, each.score) for each in choice.scores if each.score is not None]
    rates, scores = zip(*known, strict=True) if known else ((), ())
    return Line(label=choice.arm, x=rates, y=scores, marked=choice.rate)


def _figure(analysis: Analysis, task: str, lines: list[Line]) -> ReportFigure:
    metric = next(choice.metric for choice in analysis.results.choices if choice.task == task)
    chosen = listed(f"{line.label} at {line.marked:g}" for line in lines if line.marked)
    name = file_name("learning-rates", task)
    columns = ("arm", "learning rate", f"validation {metric}")
    return ReportFigure(
        name=name,
        title=f"Learning rates on {task}",
        alt=f"Validation {metric} over learning rates, {count(len(lines), 'line')}; chosen: {chosen or '-'}.",
        drawing=draw_lines(lines, x="learning rate", y=f"validation {metric}", log=True),
        data=Table(
            name=name,
            title=f"Learning rates on {task}",
            columns=columns,
            rows=[
                (line.label, f"{rate:g}", score(value))
                for line in lines
                for rate, value in zip(line.x, line.y, strict=True)
            ],
            numbers=columns[1:],
        ),
    )


def rate_table(analysis: Analysis) -> Table:
    """Each arm's chosen rate, and what a wrong one costs."""
    columns = ("task", "arm", "chosen rate", "tried", "score there", "one rate beside", "worst rate")
    return Table(
        name="learning-rates",
        title="Chosen learning rates, and how much hangs on them",
        columns=columns,
        rows=[_row(choice) for choice in analysis.results.choices],
        numbers=columns[2:],
        note="Validation scores. One rate beside: the worse of the two neighbors on the grid. "
        "(edge): the best rate is the least or the greatest that was tried.",
    )


def _row(choice: Choice) -> tuple[str, ...]:
    found = sensitivity(choice)
    rate = HOLE if choice.rate is None else f"{choice.rate:g}{' (edge)' if choice.at_edge else ''}"
    place = (choice.task, choice.arm, rate, str(len(choice.scores)))
    if found is None:
        return (*place, HOLE, HOLE, HOLE)
    return (*place, score(found.best), score(found.beside), score(found.worst))


def shared_table(analysis: Analysis) -> Table:
    """The compared arms at one learning rate for both."""
    columns = ("task", "first", "second", "own rates", "one rate for both")
    return Table(
        name="shared-rates",
        title="Compared arms at their own learning rates, and at one for both",
        columns=columns,
        rows=[
            (
                each.comparison.task,
                each.comparison.first,
                each.comparison.second,
                signed(each.own),
                ", ".join(f"{signed(difference)} at {rate:g}" for rate, difference in each.shared.items()),
            )
            for each in shared_rates(analysis.results, analysis.comparisons)
        ],
        numbers=columns[3:4],
        note="First minus second, mean validation scores of the sweep.",
    )
