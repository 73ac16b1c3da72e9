"""Every run: what became of it, its recipe, its digests, and the command that trains it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import HOLE, score
from fpt_plugins.study.results import StudyCell

APART = frozenset({"task", "lr", "seed", "init_seed"})
"""Settings that stand with each run."""


def run_table(analysis: Analysis) -> Table:
    """What became of every run."""
    place, state = ("task", "arm", "role", "learning rate", "seed"), ("status", "failed attempts")
    found = ("best step", "validation", "test reads")
    return Table(
        name="runs",
        title="Every run",
        columns=(*place, *state, *found, "folder", "bank", "reason"),
        rows=[_run(analysis, cell) for cell in analysis.results.cells],
        numbers=(*place[3:], *state[1:], *found),
        note="A run that serves both its sweep and the result is there twice. Folders are below cells/. Runs "
        "of one bank shared their passes; the others trained alone.",
    )


def _run(analysis: Analysis, cell: StudyCell) -> tuple[str, ...]:
    return (
        cell.task,
        cell.arm,
        cell.role,
        HOLE if cell.lr is None else f"{cell.lr:g}",
        str(cell.seed),
        cell.status,
        str(cell.attempts),
        str(cell.record.best_step) if cell.record else HOLE,
        score(_selected(analysis, cell)),
        str(cell.test.reads) if cell.test else HOLE,
        cell.identity or HOLE,
        cell.bank or HOLE,
        cell.reason,
    )


def _selected(analysis: Analysis, cell: StudyCell) -> float | None:
    choices = (each for each in analysis.results.choices if (each.task, each.arm) == (cell.task, cell.arm))
    choice = next(choices, None)
    return cell.validation.metrics[choice.metric] if choice and cell.validation else None


def recipe_table(analysis: Analysis) -> Table:
    """The settings of each arm, resolved, but for rate and seed."""
    rows = []
    for arm in analysis.results.arms:
        cells = (cell for cell in analysis.results.cells if (cell.task, cell.arm) == (arm.task, arm.name))
        recipe = next((cell.configuration for cell in cells if cell.configuration), {})
        rows.append((arm.task, arm.name, _words(recipe)))
    return Table(name="recipes", title="Recipes", columns=("task", "arm", "settings"), rows=rows)


def _words(settings: Mapping[str, Any]) -> str:
    given = {name: value for name, value in settings.items() if value not in (None, {}, [])}
    return ", ".join(f"{name}={_value(value)}" for name, value in given.items() if name not in APART)


def _value(value: Any) -> str:
    return f"({_words(value)})" if isinstance(value, Mapping) else str(value)


def digest_table(analysis: Analysis) -> Table:
    """The digests of every finished run."""
    records = [(cell.identity, cell.record) for cell in _once(analysis) if cell.record]
    return Table(
        name="digests",
        title="Digests",
        columns=("folder", "body as loaded", "frozen before", "frozen after"),
        rows=[
            (identity, record.source_digest, record.held_digest_before, record.held_digest_after)
            for identity, record in records
        ],
        note="SHA-256 of the body's tensors as loaded, and of all that was frozen, before the first step and "
        "after the last: where these two are equal, training changed nothing that was frozen.",
    )


def command_table(analysis: Analysis) -> Table:
    """The command of every run whose settings are known."""
    return Table(
        name="commands",
        title="Commands",
        columns=("folder", "command"),
        rows=[(cell.identity, cell.command) for cell in _once(analysis) if cell.command],
        note="Each trains the run of that folder again, elsewhere and alone: bit for bit what trained alone "
        "here with as many threads, to rounding what shared its passes in a bank.",
    )


def version_table(analysis: Analysis) -> Table:
    """What the finished runs were made with, and on."""
    counted: dict[tuple[str, str], int] = {}
    for cell in _once(analysis):
        if cell.record:
            for fact in {**cell.record.versions, **cell.record.machine}.items():
                counted[fact] = counted.get(fact, 0) + 1
    return Table(
        name="versions",
        title="Versions and machines",
        columns=("what", "which", "runs"),
        rows=[(*fact, number) for fact, number in sorted(counted.items())],
        numbers=["runs"],
    )


def _once(analysis: Analysis) -> list[StudyCell]:
    return list({cell.identity: cell for cell in analysis.results.cells if cell.identity}.values())
