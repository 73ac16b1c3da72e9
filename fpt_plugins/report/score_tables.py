"""The study's table: each arm on each task, floors and published figures beside it."""

from __future__ import annotations

from collections.abc import Iterator

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.scores import ArmScores, arm_scores
from fpt_plugins.report.summary import LEVEL
from fpt_plugins.report.table import Table
from fpt_plugins.report.wording import HOLE, score
from fpt_plugins.study.definition import PublishedScores

NOTE = (
    f"Test scores in the metric's own unit, at each arm's own learning rate. Intervals are {LEVEL:.0%} "
    "t-intervals of the mean over seeds, and may pass the ends of the metric's scale; one seed has none. "
    f"Where a seed has no score there is no mean either, but {HOLE}. Published figures are divided by 100."
)


def overview(analysis: Analysis) -> Table:
    """Arms by tasks: mean, half the interval, and how many seeds."""
    arms = list(dict.fromkeys(each.arm.name for each in analysis.scores))
    found = {(each.arm.name, each.arm.task): each for each in analysis.scores}
    floors = ["best floor", *(_floor(analysis, task) for task in analysis.tasks)]
    return Table(
        name="overview",
        title="Every arm on every task",
        columns=("arm", *analysis.tasks),
        rows=[*([arm, *(_cell(found.get((arm, task))) for task in analysis.tasks)] for arm in arms), floors],
        numbers=analysis.tasks,
        note="Mean test score over seeds, plus or minus half its interval, and the number of seeds. "
        "With a hole: how many seeds are known.",
    )


def _cell(scores: ArmScores | None) -> str:
    if scores is None:
        return ""
    if scores.summary is None:
        return f"{HOLE} ({scores.known} of {len(scores.by_seed)})"
    bounds = scores.summary.interval
    half = f" ± {score((bounds[1] - bounds[0]) / 2)}" if bounds else ""
    return f"{score(scores.summary.mean)}{half} ({scores.summary.n})"


def _floor(analysis: Analysis, task: str) -> str:
    floors = (each.best_floor for each in analysis.on(task) if each.best_floor)
    return next((score(floor.value) for floor in floors), HOLE)


def score_tables(analysis: Analysis) -> Iterator[Table]:
    """A table for each task: its arms, then its floors."""
    for task in analysis.tasks:
        scores = analysis.on(task)
        if scores:
            yield _table(analysis, task, scores)


def _table(analysis: Analysis, task: str, scores: tuple[ArmScores, ...]) -> Table:
    published = analysis.results.study.published
    known = published.tasks.get(task) if published else None
    theirs = known if known and known.values else None
    floors = next((each.floors for each in scores if each.floors), ())
    columns = ["arm", f"test {scores[0].metric}", "from", "to", "seeds", "each seed", "learning rate"]
    beside = _beside(theirs, scores[0].metric)
    rows = [[*_row(analysis, each), *_published(analysis, theirs, each)] for each in scores]
    rows += [
        [f"floor: {each.name}", score(each.value), *[""] * 4, "", *[""] * len(beside)] for each in floors
    ]
    return Table(
        name=file_name("scores", task),
        title=f"Test scores on {task}",
        columns=[*columns, *beside],
        rows=rows,
        numbers=[*columns[1:], *beside],
        note=_note(analysis, theirs),
    )


def _row(analysis: Analysis, scores: ArmScores) -> list[str]:
    summary, rate = scores.summary, analysis.results.choice(scores.arm.task, scores.arm.name).rate
    low, high = (summary.interval if summary else None) or (None, None)
    return [
        scores.arm.name + (f" (control: {scores.arm.control})" if scores.arm.control else ""),
        score(summary.mean if summary else None),
        score(low),
        score(high),
        f"{scores.known} of {len(scores.by_seed)}" if summary is None else str(summary.n),
        " ".join(score(value) for value in scores.by_seed.values()),
        HOLE if rate is None else f"{rate:g}",
    ]


def _beside(theirs: PublishedScores | None, metric: str) -> list[str]:
    if theirs is None:
        return []
    return (
        ["published"] if theirs.metric == metric else [f"test {theirs.metric}", f"published {theirs.metric}"]
    )


def _published(analysis: Analysis, theirs: PublishedScores | None, scores: ArmScores) -> list[str]:
    """Their figure, after ours in their metric where that is not the study's."""
    if theirs is None:
        return []
    figure = theirs.values.get(scores.arm.name)
    shown = HOLE if figure is None else score(figure / 100)
    if theirs.metric == scores.metric:
        return [shown]
    ours = arm_scores(analysis.results, scores.arm, theirs.metric).summary if scores.known else None
    return [score(ours.mean if ours else None), shown]


def _note(analysis: Analysis, theirs: PublishedScores | None) -> str:
    published = analysis.results.study.published
    if theirs is None or published is None:
        return ""
    reasons = "; ".join(filter(None, (theirs.differs, published.differs)))
    return f"Published: {published.source}. Why ours may differ: {reasons or 'the study does not say'}."
