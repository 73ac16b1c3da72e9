"""Published figures of the study's tasks, as the registry's cards have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins.registry import cards
from fpt_plugins.registry_cards import TaskCard
from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import score


def published_table(analysis: Analysis) -> Table:
    """What others printed for tasks of which the study itself has no figure, with why ours may differ."""
    known = {card.name: card for card in cards(TaskCard)}
    study = analysis.results.study
    beside = study.published.tasks if study.published else {}
    tasks = {task.label: known.get(task.task) for task in study.tasks if task.label not in beside}
    columns = ("task", "model", "score", "metric", "table", "why ours may differ")
    return Table(
        name="published",
        title="Published figures",
        columns=columns,
        rows=[
            (label, each.model, score(each.value), card.metric, each.table, _differs(analysis, label, card))
            for label, card in tasks.items()
            if card
            for each in card.published
        ],
        numbers=["score"],
        note="From the registry's cards, for tasks beside whose scores no published figure stands above.",
    )


def _differs(analysis: Analysis, label: str, card: TaskCard) -> str:
    """Another body, and the options that are not the paper's."""
    cells = (cell for cell in analysis.results.cells if cell.task == label and cell.configuration)
    cell = next(cells, None)
    if cell is None:
        return "no run here yet"
    options: Mapping[str, Any] = cell.configuration["options"]
    apart = [
        f"{name}={options.get(name)}, there {wanted}"
        for name, wanted in card.paper_options.items()
        if str(options.get(name)) != wanted
    ]
    return "; ".join([f"here {cell.configuration['backbone']}", *apart, "each arm at its own learning rate"])
