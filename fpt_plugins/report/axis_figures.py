"""Test scores along an axis of numbers: the share of the data, layers, a width."""

from __future__ import annotations

from collections.abc import Iterator

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.curves import line_table
from fpt_plugins.report.figure import ReportFigure
from fpt_plugins.report.lines import Line, draw_lines
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.scores import ArmScores
from fpt_plugins.report.wording import listed, score

NOTE = "Means over all seeds, bands their 95 % t-intervals; an arm with a missing seed has no point there."


def axis_curves(analysis: Analysis) -> Iterator[ReportFigure]:
    """A figure for each task and each axis of the study whose values are numbers."""
    for axis, values in analysis.results.study.axes.items():
        if len(values) > 1 and all(type(value) in (int, float) for value in values):
            for task in analysis.tasks:
                lines = axis_lines(analysis.on(task), axis)
                if lines:
                    yield _figure(analysis, axis, task, lines)


def axis_lines(found: tuple[ArmScores, ...], axis: str) -> list[Line]:
    """A line for each arm with at least one mean, over its places on an axis."""
    groups: dict[str, list[ArmScores]] = {}
    for each in found:
        if axis in each.arm.axes:
            groups.setdefault(_label(each, axis), []).append(each)
    lines = [_line(label, axis, group) for label, group in groups.items()]
    return [line for line in lines if line.x]


def _label(scores: ArmScores, axis: str) -> str:
    others = (f"{name}={value}" for name, value in scores.arm.axes.items() if name != axis)
    return ", ".join(filter(None, (scores.arm.base, *others))) or "all"


def _line(label: str, axis: str, group: list[ArmScores]) -> Line:
    known = [(each.arm.axes[axis], each.summary) for each in group if each.summary]
    known.sort(key=lambda point: point[0])
    ends = [summary.interval for _, summary in known]
    whole = [each for each in ends if each]
    shown = whole if len(whole) == len(ends) else []
    return Line(
        label=label,
        x=[x for x, _ in known],
        y=[summary.mean for _, summary in known],
        low=[low for low, _ in shown],
        high=[high for _, high in shown],
    )


def _figure(analysis: Analysis, axis: str, task: str, lines: list[Line]) -> ReportFigure:
    metric = analysis.on(task)[0].metric
    words = axis.rpartition(".")[2].replace("_", " ")
    name = file_name("by", words, task)
    title = f"Test {metric} by {words} on {task}"
    ends = listed(f"{line.label} from {score(line.y[0])} to {score(line.y[-1])}" for line in lines)
    return ReportFigure(
        name=name,
        title=title,
        alt=f"{title}: {ends}.",
        drawing=draw_lines(lines, x=words, y=f"test {metric}", log=_is_wide(lines)),
        data=line_table(name, title, words, lines),
    )


def _is_wide(lines: list[Line]) -> bool:
    """Whether places span more than a decade, none of them zero."""
    places = [place for line in lines for place in line.x]
    return min(places) > 0 and max(places) / min(places) > 10
