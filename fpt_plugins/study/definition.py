"""What a study asks: tasks, arms, axes, seeds, learning rates, comparisons, and when it stops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, in_, instance_of, min_len, optional

from fpt_plugins.errors import ConfigurationError, UnknownName

LOG_GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Learning rates that an arm is swept over where the study names none: two per decade, around Adam's 1e-3."""

CONTROLS: Mapping[str, str] = {
    "none": "no body: the input embedding and the head alone",
    "random": "the same body, drawn at random",
    "statistics": "the same body, drawn with the pretrained tensors' means and deviations",
    "linear-probe": "a linear map of the raw input",
    "full": "full fine-tuning: the body trains too",
}
"""The arms that every study has unless it leaves them out with a reason.

The floors of a task stand in every record and cannot be left out."""


@attrs.frozen(kw_only=True)
class StudyTask:
    """A task as a study asks it.

    Args:
        label: Its name in this study.
        task: ``plugin/task``.
        settings: Fields of :class:`fpt_plugins.Configuration`: ``options``, ``steps`` ...
        threshold: The validation score whose first step is counted, if any.
    """

    label: str
    task: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    threshold: float | None = None


@attrs.frozen(kw_only=True)
class Before:
    """A run that comes first: a body trained on another task, where an arm begins.

    Args:
        name: An arm's ``init = "before:NAME"`` begins where it ended.
        task: ``plugin/task``.
        settings: Fields of :class:`fpt_plugins.Configuration`, on top of the study's.
        lr: Its learning rate; the task's own where it is not given.
    """

    name: str
    task: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    lr: float | None = attrs.field(default=None, validator=optional(gt(0.0)))


@attrs.frozen(kw_only=True)
class NamedArm:
    """What one side of a comparison is.

    Args:
        name: As tables show it.
        settings: Fields of :class:`fpt_plugins.Configuration` that set it apart.
        rates: Its own learning rates, where they are not the study's.
        control: The control of :data:`CONTROLS` that it is, or ``""``.
    """

    name: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    rates: tuple[float, ...] = attrs.field(default=(), converter=tuple, validator=deep_iterable(gt(0.0)))
    control: str = ""


@attrs.frozen(kw_only=True)
class Sweep:
    """How an arm comes by its learning rate: the best mean validation score over the sweep's seeds.

    Args:
        rates: The grid, and the range of a search.
        seeds: Of the sweep's cells. One that is among the study's seeds too trains once, for both.
        search: ``grid`` tries every rate; ``optuna`` draws ``trials`` between the least and the greatest.
        trials: Of a search.
    """

    rates: tuple[float, ...] = attrs.field(default=LOG_GRID, validator=[min_len(1), deep_iterable(gt(0.0))])
    seeds: tuple[int, ...] = attrs.field(default=(0,), validator=[min_len(1), deep_iterable(ge(0))])
    search: Literal["grid", "optuna"] = attrs.field(default="grid", validator=in_(("grid", "optuna")))
    trials: int = attrs.field(default=8, validator=ge(1))


@attrs.frozen(kw_only=True)
class Stopping:
    """When to begin no further cell, and when to give one up.

    Args:
        seconds: Of training, over all cells and sessions; no limit where not given.
        cells: Cells that have been trained; no limit where not given.
        cell_seconds: That one cell may take in one go: longer is a hang.
        attempts: That a cell has before it is marked as failed.
    """

    seconds: float | None = attrs.field(default=None, validator=optional(gt(0.0)))
    cells: int | None = attrs.field(default=None, validator=optional(ge(1)))
    cell_seconds: float = attrs.field(default=14_400.0, validator=gt(0.0))
    attempts: int = attrs.field(default=3, validator=ge(1))


@attrs.frozen(kw_only=True)
class Comparison:
    """Two arms to be compared over the same seeds, decided on before any result.

    Args:
        first: An arm's name.
        second: The arm that it is compared with.
        question: What the difference answers.
    """

    first: str
    second: str
    question: str = ""


@attrs.frozen(kw_only=True)
class PublishedScores:
    """Another's figures for one task.

    Args:
        metric: The metric of ours that they stand beside.
        values: Per cent, by the names of the study's arms.
        steps: Steps to convergence, by the names of the study's arms.
        differs: Why ours may differ, for this task.
    """

    metric: str = "accuracy"
    values: Mapping[str, float] = attrs.field(factory=dict)
    steps: Mapping[str, int] = attrs.field(factory=dict)
    differs: str = ""


@attrs.frozen(kw_only=True)
class Published:
    """The table that a study repeats.

    Args:
        source: Where it is printed: ``"arXiv 2103.05247, Table 2"``.
        differs: Why ours may differ, for all tasks.
        tasks: Its figures by the labels of the study's tasks.
    """

    source: str
    differs: str = ""
    tasks: Mapping[str, PublishedScores] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Study:
    """A question, and the grid of runs that answers it, at one scale.

    Args:
        name: Its folder's name.
        question: In one sentence.
        scale: Which of the file's scales this is.
        tasks: What is learned.
        arms: What is compared; one unnamed arm where there are axes alone.
        axes: Values by field of :class:`fpt_plugins.Configuration`, or by option:
            ``backbone_options.layers``. Every arm that does not set a field itself is crossed with them.
        settings: Of every cell.
        before: Runs that come first.
        sweep: How learning rates are chosen.
        seeds: Of each arm at its chosen rate.
        metric: The test metric that is compared; each task's first where it is not given.
        comparisons: Decided on beforehand.
        stopping: Limits.
        leave_out: Controls that are left out, each with the reason.
        published: Another's figures, if this repeats a table.
    """

    name: str
    question: str = ""
    scale: str = "laptop"
    tasks: tuple[StudyTask, ...] = attrs.field(validator=min_len(1))
    arms: tuple[NamedArm, ...] = attrs.field(validator=min_len(1))
    axes: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict)
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    before: tuple[Before, ...] = ()
    sweep: Sweep = attrs.field(factory=Sweep)
    seeds: tuple[int, ...] = attrs.field(
        default=(0, 1, 2), validator=[min_len(1), deep_iterable(and_(instance_of(int), ge(0)))]
    )
    metric: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    stopping: Stopping = attrs.field(factory=Stopping)
    leave_out: Mapping[str, str] = attrs.field(factory=dict)
    published: Published | None = None

    @leave_out.validator
    def _has_reasons(self, _: attrs.Attribute[Any], left_out: Mapping[str, str]) -> None:
        for name, reason in left_out.items():
            if name not in CONTROLS:
                raise UnknownName("control to leave out", name, CONTROLS)
            if not reason.strip():
                raise ConfigurationError(
                    f"the control {name} is left out without a reason",
                    f'write why: [leave-out] {name} = "..."',
                )

    def of_task(self, label: str) -> Study:
        """The part of the study that is about one task, under a name of its own.

        Raises:
            UnknownName: It has no such task; the nearest are offered.
        """
        found = tuple(task for task in self.tasks if task.label == label)
        if not found:
            raise UnknownName(f"task in {self.name}", label, (task.label for task in self.tasks))
        return attrs.evolve(self, name=f"{self.name}-{label.replace('/', '-')}", tasks=found)
