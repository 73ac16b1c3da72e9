"""Where trained arms look: attention maps of one validation sample, from the adapters that the study kept."""

from __future__ import annotations

import matplotlib as mpl

from fpt_plugins.adapter import load
from fpt_plugins.attention_figure import draw, sample_attention
from fpt_plugins.attention_map import AttentionMap
from fpt_plugins.errors import FptError
from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.figure import STYLE, ReportFigure
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import score
from fpt_plugins.study.results import StudyCell

NOTE = (
    "The first sample of the validation split, at the first seed that is done, heads averaged: what is read "
    "out against all that it can look at. One sample is an illustration, no evidence."
)


def attention_figures(analysis: Analysis) -> tuple[list[ReportFigure], list[str]]:
    """Attention maps of both arms of the study's first comparison, else of its first arm, on each task.

    Returns:
        The figures, and for each arm that has none the reason.
    """
    figures, reasons = [], []
    for task in analysis.tasks:
        for arm in _shown(analysis, task):
            cells = analysis.results.select(task, arm, "final")
            try:
                figures.append(_figure(next(cell for cell in cells if cell.record and cell.folder)))
            except StopIteration:
                reasons.append(f"{task}, {arm}: no run is done.")
            except FptError as error:
                reasons.append(f"{task}, {arm}: {error}")
    return figures, reasons


def _shown(analysis: Analysis, task: str) -> list[str]:
    compared = [(each.first, each.second) for each in analysis.comparisons if each.task == task]
    arms = [each.arm.name for each in analysis.on(task)][:1]
    return list(compared[0]) if compared else arms


def _figure(cell: StudyCell) -> ReportFigure:
    title = f"{cell.task}, {cell.arm}, seed {cell.seed}"
    name = file_name("attention", cell.task, cell.arm)
    found = sample_attention(load(str(cell.folder), device="cpu", precision="fp32"))
    with mpl.rc_context(STYLE):
        drawing = draw(found, title="")
    return ReportFigure(
        name=name,
        title=f"Attention: {title}",
        alt=f"Attention maps of {cell.arm} on {cell.task}: a row of colors for each position read out.",
        drawing=drawing,
        data=_weights(found, name, title),
    )


def _weights(found: AttentionMap, name: str, title: str) -> Table:
    """The weights that are drawn: a row for each layer and position read out, a column for each token."""
    tokens = [f"{place}: {token}" for place, token in enumerate(found.keys)]
    rows = [
        (str(layer), f"{place}: {found.queries[place]}", *map(score, weights))
        for layer, matrix in enumerate(found.weights.mean(axis=1).tolist())
        for place, weights in enumerate(matrix)
    ]
    return Table(
        name=name,
        title=f"Attention: {title}",
        columns=("layer", "read out", *tokens),
        rows=rows,
        numbers=("layer", *tokens),
    )
