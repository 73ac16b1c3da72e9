"""What a person sees of a sweep: what trains together, each look at validation data, and the best run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from fpt_plugins.display import parameter_table
from fpt_plugins.errors import NonFiniteError
from fpt_plugins.plugins import Plugins
from fpt_plugins.record import RunRecord, group_counts
from fpt_plugins.resolving import build_task
from fpt_plugins.resuming import resume_command

if TYPE_CHECKING:
    from rich.console import Console

    from fpt_plugins.metric import Metric
    from fpt_plugins.population import Population
    from fpt_plugins.sweep import Sweep


def train(sweep: Sweep, console: Console) -> None:
    """Trains the runs of a sweep, and prints how they fare and which is best.

    Raises:
        NonFiniteError: None of them came to its end; the first one's reason.
    """
    metric = _selecting_metric(sweep)
    for names in sweep.groups():
        with sweep.population(names) as population:
            _announce(population, len(sweep.arms), console)
            try:
                for name, row in population.rows():
                    if row["split"] == "validation":
                        _look(name, row, metric, console)
            except KeyboardInterrupt:
                command = resume_command(next(iter(sweep.arms.values())), sweep.path)
                console.print(f"stopped; continue with: {command}")
                raise
            sweep.close(population)
    best = best_run(sweep.results, metric)
    console.print(result_table(sweep, metric, best))
    if best is None:
        raise next(found for found in sweep.results.values() if isinstance(found, NonFiniteError))
    console.print(f"each is a run of its own; next: fpt evaluate {sweep.path / best}")


def best_run(results: Mapping[str, RunRecord | NonFiniteError], metric: Metric) -> str | None:
    """The name of the best run by validation, among equals by the loss; ``None`` where all failed."""
    sign = 1 if metric.higher_is_better else -1
    scores = {
        name: found.evaluations["validation"].metrics
        for name, found in results.items()
        if isinstance(found, RunRecord)
    }
    return max(
        scores, key=lambda name: (sign * scores[name][metric.name], -scores[name]["loss"]), default=None
    )


def result_table(sweep: Sweep, metric: Metric, best: str | None) -> Table:
    """Each run with its best step and its validation scores there, the best one marked."""
    table = Table(title="validation", title_justify="left")
    for name in ("run", metric.name, "loss", "best step", ""):
        table.add_column(name, justify="left" if name in {"run", ""} else "right")
    for name in sweep.arms:
        found = sweep.results[name]
        if isinstance(found, RunRecord):
            scores = found.evaluations["validation"].metrics
            cells = [
                f"{scores[metric.name]:.4f}",
                f"{scores['loss']:.4f}",
                f"{found.best_step} of {found.steps}",
            ]
            table.add_row(name, *cells, "best" if name == best else "")
        else:
            table.add_row(name, "", "", "", f"failed {found.message.partition(';')[0]}")
    return table


def _selecting_metric(sweep: Sweep) -> Metric:
    configuration = next(iter(sweep.arms.values()))
    plugins = Plugins.for_task(configuration.task, configuration.wrappers)
    return build_task(plugins, configuration).metrics[0]


def _announce(population: Population, asked: int, console: Console) -> None:
    arm = next(iter(population.bank.arms.values()))
    settings, runs = arm.configuration, len(population.trainings)
    title = f"{settings.task} on {settings.backbone} ({settings.init}), --train {settings.train}, each run"
    console.print(parameter_table(group_counts(arm.partition), title))
    those = f"{runs} runs" if runs == asked else f"{runs} of {asked} runs, those on one body,"
    console.print(
        f"{those} together, {settings.steps} steps of {settings.batch_size} each, "
        f"dropout {settings.dropout:g}, {arm.precision.name} on {arm.precision.device}"
    )


def _look(name: str, row: Mapping[str, Any], metric: Metric, console: Console) -> None:
    scores = f"loss {row['loss']:.4f}, {metric.name} {row[metric.name]:.4f}"
    console.print(f"step {row['step']}, {name}: validation {scores}")
