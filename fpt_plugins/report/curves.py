"""Learning curves: validation scores over steps, a mean and a band for each arm."""

from __future__ import annotations

from collections.abc import Iterator

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.figure import ReportFigure
from fpt_plugins.report.lines import Line, draw_lines
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.summary import summarize
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import count, listed, score
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.results import StudyCell, StudyResults

NOTE = (
    "Bands reach from the least to the greatest seed. An arm with a missing seed has no mean: "
    "each of its seeds has a line of its own."
)


def learning_curves(analysis: Analysis) -> Iterator[ReportFigure]:
    """A figure for each task of which a run has been validated."""
    for task in analysis.tasks:
        arms = [arm for arm in analysis.results.arms if arm.task == task]
        lines = [line for arm in arms for line in arm_lines(analysis.results, arm)]
        if lines:
            yield _figure(analysis, task, lines)


def arm_lines(results: StudyResults, arm: StudyArm) -> list[Line]:
    """One line with a band where every seed is done, else a line for each seed that has begun."""
    cells = results.select(arm.task, arm.name, "final")
    metric = results.choice(arm.task, arm.name).metric
    curves = {cell.seed: _curve(cell, metric) for cell in cells}
    if cells and all(cell.status == "done" for cell in cells):
        return [_band(arm.name, list(curves.values()))]
    return [
        Line(label=f"{arm.name}, seed {seed} alone", x=curve, y=curve.values())
        for seed, curve in curves.items()
        if curve
    ]


def _curve(cell: StudyCell, metric: str) -> dict[int, float]:
    return {row["step"]: row[metric] for row in cell.rows("validation")}


def _band(label: str, curves: list[dict[int, float]]) -> Line:
    steps = [step for step in curves[0] if all(step in curve for curve in curves)]
    values = [[curve[step] for curve in curves] for step in steps]
    means = [summary.mean for each in values if (summary := summarize(each))]
    if len(curves) < 2:
        return Line(label=f"{label} (1 seed)", x=steps, y=means)
    return Line(label=label, x=steps, y=means, low=map(min, values), high=map(max, values))


def _figure(analysis: Analysis, task: str, lines: list[Line]) -> ReportFigure:
    metric = next(choice.metric for choice in analysis.results.choices if choice.task == task)
    ends = listed(f"{line.label} ends at {score(line.y[-1])}" for line in lines if line.y)
    name = file_name("learning-curves", task)
    return ReportFigure(
        name=name,
        title=f"Learning curves on {task}",
        alt=f"Validation {metric} over steps, {count(len(lines), 'line')}: {ends}.",
        drawing=draw_lines(
            lines,
            x="step",
            y=f"validation {metric}",
            levels=_levels(analysis, task, metric),
        ),
        data=line_table(name, f"Learning curves on {task}", "step", lines),
    )


def _levels(analysis: Analysis, task: str, metric: str) -> dict[str, float]:
    """The stated threshold, and the best floor of the validation split."""
    threshold = next(each.threshold for each in analysis.results.study.tasks if each.label == task)
    stated = {} if threshold is None else {f"threshold {threshold:g}": threshold}
    scored = (cell.validation for cell in analysis.results.cells if cell.task == task and cell.validation)
    floors = [floor.value for floor in next((each.floors for each in scored), ()) if floor.metric == metric]
    choice = next(choice for choice in analysis.results.choices if choice.task == task)
    best = max if choice.higher_is_better else min
    return {**stated, **({"best floor": best(floors)} if floors else {})}


def line_table(name: str, title: str, x: str, lines: list[Line]) -> Table:
    """The numbers behind lines."""
    columns = ("line", x, "mean", "least", "greatest")
    bands = [(line, line.low or (None,) * len(line.x), line.high or (None,) * len(line.x)) for line in lines]
    return Table(
        name=name,
        title=title,
        columns=columns,
        rows=[
            (line.label, f"{place:g}", score(mean), score(least), score(greatest))
            for line, low, high in bands
            for place, mean, least, greatest in zip(line.x, line.y, low, high, strict=True)
        ],
        numbers=columns[1:],
    )
