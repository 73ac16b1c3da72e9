"""What a person sees of a run: the parameters that will train, the progress, and the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from fpt_plugins.features import FeatureSplit
from fpt_plugins.record import Evaluation, GroupCount, RunRecord, group_counts
from fpt_plugins.resuming import resume_command
from fpt_plugins.stages import read_stages

if TYPE_CHECKING:
    from fpt_plugins.training_loop import Training

BYTES_PER_PARAMETER = 4
"""Trained parameters are stored in fp32."""


class Display(Protocol):
    """Takes the rows of a run as they come."""

    def show(self, row: Mapping[str, Any]) -> None:
        """One row of ``metrics.jsonl``."""
        ...


def parameter_table(parameters: Mapping[str, GroupCount], title: str) -> Table:
    """Parameters per group: which train, how many, their share, and what an adapter of them weighs."""
    total = sum(count.parameters for count in parameters.values())
    trained = sum(count.trained_parameters for count in parameters.values())
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("group", footer="trained")
    table.add_column("parameters", justify="right", footer=f"{trained:,}")
    table.add_column("per cent", justify="right", footer=f"{100 * trained / total:.3f}")
    table.add_column("", footer=f"adapter {trained * BYTES_PER_PARAMETER / 1000:,.0f} KB")
    for group, count in parameters.items():
        if count.parameters:
            share = f"{100 * count.parameters / total:.3f}"
            table.add_row(group, f"{count.parameters:,}", share, _state(count))
        elif group == "position":
            table.add_row(group, "none", "", "rotary, or no positions")
    return table


def _state(count: GroupCount) -> str:
    if not count.trained:
        return "frozen"
    return "trains" if count.partly is None else f"{count.partly:,} train"


def score_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """The scores of each split, each beside its floors."""
    table = Table(title="scores", title_justify="left")
    for name in ("split", "metric", "score", "floors", "samples", "reads"):
        table.add_column(name, justify="right" if name in {"score", "samples", "reads"} else "left")
    for split, evaluation in evaluations.items():
        for metric, value in evaluation.metrics.items():
            floors = "\n".join(
                f"{floor.name} {floor.value:.4f}" for floor in evaluation.floors if floor.metric == metric
            )
            table.add_row(
                split, metric, f"{value:.4f}", floors, str(evaluation.samples), str(evaluation.reads)
            )
    return table


def left_out_line(split: str, left_out: Mapping[str, int]) -> str:
    """How many records a split has not, and why, as a line; nothing where it has them all.

    Example:
        >>> left_out_line("train", {"in test too": 12, "longer than 512 tokens": 0})
        'left out of train: 12 (12 in test too)\\n'
    """
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
    return f"left out of {split}: {sum(left_out.values()):,} ({reasons})\n" if reasons else ""


def announce(training: Training, console: Console) -> None:
    """Prints what will train, and where, before the first step."""
    arm, settings = training.arm, training.settings
    title = f"{settings.task} on {settings.backbone} ({settings.init}), --train {settings.train}"
    console.print(parameter_table(group_counts(arm.partition), title))
    if len(arm.partition.stages) > 1:
        console.print(
            "\n".join(f"from step {stage.step}: {stage.policy}" for stage in read_stages(settings.train))
        )
    for split in ("train", "validation"):
        console.print(left_out_line(split, arm.task.left_out(split)), end="", highlight=False)
    rates = ", ".join(f"{group} {rate:g}" for group, rate in settings.group_lr.items())
    console.print(
        f"{settings.steps} steps of {settings.batch_size}, "
        f"lr {settings.lr:g}{f' ({rates})' if rates else ''}, "
        f"dropout {settings.dropout:g}, seed {settings.seed}, {arm.precision.name} on {arm.precision.device}"
        f"\nrun folder {training.folder.path}"
        + (", features computed once" if isinstance(training.train_split, FeatureSplit) else "")
        + (f", resumed at step {training.state.step}" if training.state.step else "")
    )
    console.print(_not_bitwise(training.state.not_bitwise), end="", highlight=False)


def _not_bitwise(reasons: Sequence[str]) -> str:
    return "".join(f"not bitwise what a run without a stop would be: {reason}\n" for reason in reasons)


def _halved(record: RunRecord) -> str:
    return "".join(
        f"out of memory at step {step}: from there on {size} samples at a time\n"
        for step, size in record.micro_batch_sizes.items()
    )


@contextmanager
def progress(training: Training, console: Console) -> Iterator[Display]:
    """A live bar on a terminal; elsewhere a line for each look at validation data."""
    if not console.is_terminal:
        yield _Lines(training, console)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(training, bar)


class _Lines:
    def __init__(self, training: Training, console: Console) -> None:
        self._training, self._console = training, console

    def show(self, row: Mapping[str, Any]) -> None:
        if row.get("align_step") == self._training.settings.align_steps:
            self._console.print(f"aligned: {_describe(self._training, row)}", highlight=False)
        if row["split"] in ("validation", "memory"):
            self._console.print(f"step {row['step']}: {_describe(self._training, row)}", highlight=False)


class _Bar:
    def __init__(self, training: Training, bar: Progress) -> None:
        self._training, self._bar = training, bar
        settings = training.settings
        self._task = bar.add_task("", total=settings.steps, completed=training.state.step)
        self._validation = ""

    def show(self, row: Mapping[str, Any]) -> None:
        description = _describe(self._training, row)
        if row["split"] == "memory":
            self._bar.console.print(f"step {row['step']}: {description}", highlight=False)
        elif row["split"] == "validation":
            self._validation = description
        else:
            self._bar.update(
                self._task, completed=row["step"], description=f"{description}  {self._validation}"
            )


def _describe(training: Training, row: Mapping[str, Any]) -> str:
    if row["split"] == "align":
        return f"{training.settings.align} {row['distance']:.4f}, alignment step {row['align_step']}"
    if row["split"] == "memory":
        doing = "scored " if "scored_at_a_time" in row else ""
        size = row["scored_at_a_time" if doing else "micro_batch_size"]
        return f"out of memory; from here on {doing}{size} samples at a time"
    metric = training.arm.task.metrics[0].name
    speed = (
        f", {row['step'] / row['seconds']:.1f} steps/s" if row["seconds"] and row["split"] == "train" else ""
    )
    return f"{row['split']} loss {row['loss']:.4f}, {metric} {row[metric]:.4f}{speed}"


def interrupted(training: Training, console: Console) -> None:
    """Prints where Ctrl-C left a run, and the command that continues it."""
    command = resume_command(training.settings, training.folder.path)
    console.print(f"stopped at step {training.state.saved_step or 0}; continue with: {command}")


def show_scores(evaluations: Mapping[str, Evaluation], console: Console) -> None:
    """Prints the scores of each split, and what is not in it."""
    console.print(score_table(evaluations))
    for split, evaluation in evaluations.items():
        console.print(left_out_line(split, evaluation.left_out), end="", highlight=False)
        if evaluation.at_a_time:
            scored = f"{split} scored {evaluation.at_a_time} samples at a time"
            console.print(f"out of memory: {scored}", highlight=False)


def summarize(record: RunRecord, folder: str, console: Console) -> None:
    """Prints the result of a finished run and what to do with it."""
    show_scores(record.evaluations, console)
    console.print(
        f"best step {record.best_step} of {record.steps}, {record.seconds:.0f} s, "
        f"adapter {record.adapter_bytes / 1000:.1f} KB, "
        f"frozen tensors unchanged ({record.held_digest_after[:16]}...)\n"
        f"{_alignment(record)}{_halved(record)}{_not_bitwise(record.not_bitwise)}"
        f"next: fpt evaluate {folder}",
        highlight=False,
    )


def _alignment(record: RunRecord) -> str:
    if not record.alignment:
        return ""
    before, after = record.alignment["before"], record.alignment["after"]
    return f"inputs aligned: {record.configuration['align']} {before:.4f} before, {after:.4f} after\n"


def show_record(record: RunRecord, console: Console) -> None:
    """Prints all that a record knows."""
    settings = record.configuration
    title = f"{settings['task']} on {settings['backbone']} ({settings['init']}), --train {settings['train']}"
    console.print(parameter_table(record.parameters, title))
    show_scores(record.evaluations, console)
    facts = Table("", Column(overflow="fold"), show_header=False)
    recipe = {key: value for key, value in settings.items() if value not in ({}, (), [], None)}
    facts.add_row("recipe", "  ".join(f"{key}={value}" for key, value in recipe.items()))
    if record.left_out:
        facts.add_row("left out", left_out_line("train", record.left_out).strip())
    facts.add_row("step", f"{record.best_step} of {record.steps}, in {record.seconds:.0f} s")
    if record.alignment:
        facts.add_row("alignment", "  ".join(f"{key} {value:.4f}" for key, value in record.alignment.items()))
    for each in (_halved(record), _not_bitwise(record.not_bitwise)):
        if each:
            facts.add_row("", each.strip())
    facts.add_row("adapter", f"{record.adapter_bytes / 1000:.1f} KB")
    facts.add_row("source digest", record.source_digest)
    held = (record.held_digest_before, record.held_digest_after)
    facts.add_row("held digest", "before training\n{}\nafter it\n{}".format(*held))
    facts.add_row("versions", "  ".join(f"{key} {value}" for key, value in record.versions.items()))
    facts.add_row("machine", "  ".join(f"{key}={value}" for key, value in record.machine.items()))
    console.print(facts)
