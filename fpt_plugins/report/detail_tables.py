"""Comparisons, convergence, training signals and cost, in tables."""

from __future__ import annotations

from collections.abc import Mapping

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.comparison import PairedComparison
from fpt_plugins.report.convergence import Convergence
from fpt_plugins.report.cost import ArmCost, cost_of
from fpt_plugins.report.signals import TrainingSignals, training_signals
from fpt_plugins.report.summary import Summary
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import HOLE, score, short, signed


def comparison_table(analysis: Analysis) -> Table:
    """Every comparison that the study decided on."""
    places, facts = ("task", "first", "second"), ("difference", "from", "to", "seeds")
    tests = ("p", "corrected p", "Wilcoxon p")
    return Table(
        name="comparisons",
        title="Comparisons that the study decided on beforehand",
        columns=(*places, *facts, *tests, "not tested because"),
        rows=map(_compared, analysis.comparisons),
        numbers=(*facts, *tests),
        note="Differences of test scores over the same seeds, first minus second. p: paired t-test, "
        f"two-sided; corrected by Holm's method for all {len(analysis.comparisons)} comparisons, those that "
        "could not be tested counted as p = 1. Wilcoxon's signed-rank test is shown uncorrected, as a check "
        "that assumes no normal distribution. The intervals are uncorrected.",
    )


def _compared(found: PairedComparison) -> tuple[str, ...]:
    known = found.difference
    low, high = (known.interval if known else None) or (None, None)
    return (
        found.task,
        found.first,
        found.second,
        signed(known.mean) if known else HOLE,
        score(low),
        score(high),
        str(known.n) if known else HOLE,
        short(found.p),
        short(found.corrected),
        short(found.wilcoxon),
        found.reason,
    )


def convergence_table(analysis: Analysis) -> Table:
    """Steps to the stated thresholds."""
    columns = ("task", "arm", "threshold", "reached by", "mean step", "from", "to", "each seed")
    published = analysis.results.study.published
    theirs = {label: scores.steps for label, scores in published.tasks.items()} if published else {}
    beside = ("published",) if any(theirs.values()) else ()
    note = (
        "The first look at validation data whose score reaches the threshold, so steps are as coarse "
        "as the looks. An arm of which a seed never reaches it has no mean."
    )
    if published and beside:
        note += f" Published: {published.source}. Why ours may differ: {published.differs}."
    return Table(
        name="convergence",
        title="Steps to a stated validation score",
        columns=(*columns, *beside),
        rows=[
            (*_converged(found), *(str(_steps(theirs, found)) for _ in beside))
            for found in analysis.convergences
        ],
        numbers=(*columns[2:], *beside),
        note=note,
    )


def _steps(theirs: Mapping[str, Mapping[str, int]], found: Convergence) -> int | str:
    return theirs.get(found.arm.task, {}).get(found.arm.name, HOLE)


def _converged(found: Convergence) -> tuple[str, ...]:
    low, high = (found.summary.interval if found.summary else None) or (None, None)
    return (
        found.arm.task,
        found.arm.name,
        f"{found.metric} {found.threshold:g}",
        f"{found.reached} of {len(found.by_seed)}",
        *(HOLE if value is None else f"{value:.0f}" for value in (_mean(found.summary), low, high)),
        " ".join(HOLE if step is None else str(step) for step in found.by_seed.values()),
    )


def signal_table(analysis: Analysis) -> Table:
    """Gradient norms, clip rates, and how far each parameter group moved."""
    found = [training_signals(analysis.results, each.arm) for each in analysis.scores]
    groups = tuple(dict.fromkeys(group for each in found for group in each.drift))
    columns = ("task", "arm", "gradient norm", "clipped", *(f"drift: {group}" for group in groups))
    return Table(
        name="training-signals",
        title="Gradients, and how far the trained parameters moved",
        columns=columns,
        rows=[_signals(each, groups) for each in found],
        numbers=columns[2:],
        note="Means over all seeds at the chosen rate. Gradient norm: before clipping, the median over "
        "steps. Clipped: the share of steps. Drift: the change of a group relative to its beginning, both in "
        f"L2 norm, at the last step; {HOLE} where the group does not train, began at zero, or a seed has no "
        "record of it.",
    )


def _signals(found: TrainingSignals, groups: tuple[str, ...]) -> tuple[str, ...]:
    values = (found.gradient_norm, found.clipped, *(found.drift.get(group) for group in groups))
    return found.arm.task, found.arm.name, *(short(_mean(each)) for each in values)


def cost_table(analysis: Analysis) -> Table:
    """Parameters, steps, seconds and operations of every arm."""
    columns = ("task", "arm", "trained", "parameters", "steps", "seconds", "sweep seconds", "FLOPs")
    return Table(
        name="cost",
        title="What each arm costs",
        columns=columns,
        rows=[_cost(cost_of(analysis.results, each.arm)) for each in analysis.scores],
        numbers=columns[2:],
        note="Seconds of training and validation: of one run, the mean over all seeds; of the sweep, the "
        "sum; of runs that shared their passes, the share of each. They depend on the machine and on what "
        "else it did.",
    )


def _cost(found: ArmCost) -> tuple[str, ...]:
    sizes = (found.trained, found.parameters, found.steps)
    seconds = (_mean(found.seconds), found.sweep_seconds)
    return (
        found.arm.task,
        found.arm.name,
        *(HOLE if size is None else f"{size:,}" for size in sizes),
        *(HOLE if value is None else f"{value:.1f}" for value in seconds),
        short(found.operations),
    )


def _mean(summary: Summary | None) -> float | None:
    return summary.mean if summary else None
