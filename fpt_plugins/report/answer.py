"""The study's question answered in sentences, each made from computed facts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.claims import Claim
from fpt_plugins.report.comparison import ALPHA, PairedComparison
from fpt_plugins.report.rates import shared_rates
from fpt_plugins.report.scores import ArmScores
from fpt_plugins.report.summary import LEVEL
from fpt_plugins.report.tuples import texts
from fpt_plugins.report.wording import count, interval, listed, placed, score, short, signed
from fpt_plugins.study.arms import StudyArm, place_words

READING = (
    f"Differences are those of test scores, first minus second, over the same seeds; in brackets the "
    f"{LEVEL:.0%} interval of their mean; p is corrected for the number of comparisons."
)
"""How the numbers of the sentences are read."""

PLACES = (
    "past it with the whole interval",
    "not to be told from it",
    "short of it with the whole interval",
    "without an interval, having one seed or a hole",
)
"""Where arms stand to a floor."""


@attrs.frozen
class Answer:
    """What the results say to one question.

    Args:
        question: The question.
        lines: A sentence for each task.
    """

    question: str
    lines: tuple[str, ...] = attrs.field(converter=texts)


def answers_of(analysis: Analysis) -> tuple[Answer, ...]:
    """To the comparisons' questions, then to what a reader of the paper asks."""
    further = {
        "Which differences of the published table are seen at this size?": map(_claim, analysis.claims),
        "Does every arm do more than needs no learning?": _floors(analysis),
        "Would one learning rate for all arms have told another story?": _shared_rates(analysis),
    }
    asked = (Answer(question, lines) for question, lines in further.items())
    return tuple(answer for answer in (*_compared(analysis), *asked) if answer.lines)


def _compared(analysis: Analysis) -> Iterator[Answer]:
    questions: dict[str, list[PairedComparison]] = {}
    for each in analysis.comparisons:
        name = each.question or f"Do {each.first} and {each.second} differ?"
        questions.setdefault(name, []).append(each)
    for question, compared in questions.items():
        yield Answer(question, map(sentence, compared))


def sentence(found: PairedComparison) -> str:
    """One comparison in words: what is shown, what is only seen, what cannot be said.

    Args:
        found: The comparison.
    """
    place = f"{found.task}: {_against(*found.arms)}"
    if found.difference is None:
        return f"{place}: cannot be said, {found.reason}."
    seeds = count(found.difference.n, "seed")
    facts = f"{found.metric} {signed(found.difference.mean)}"
    if found.p is None:
        return f"{place}: {facts} over {seeds}, untested: {found.reason}."
    facts += f" {interval(found.difference.interval)} over {seeds}, corrected p = {short(found.corrected)}"
    better = (found.difference.mean > 0) == found.higher_is_better
    if found.seen:
        return (
            f"{place}: {found.first} is {'better' if better else 'worse'} in this comparison alone (p = "
            f"{short(found.p)}), but not after correction for the number of comparisons ({facts})."
        )
    if not found.shown:
        return f"{place}: no difference is shown, which is not to say that there is none ({facts})."
    return f"{place}: {found.first} is {'better' if better else 'worse'} ({facts})."


def _against(first: StudyArm, second: StudyArm) -> str:
    """Two arms, their common place on the axes said once: ``a against b at layers=2``."""
    shared = {axis: value for axis, value in first.axes.items() if second.axes.get(axis) == value}
    nameless = any(not arm.base and arm.axes.keys() == shared.keys() for arm in (first, second))
    if nameless or not shared:
        return f"{placed(first)} against {placed(second)}"
    names = " against ".join(placed(_without(arm, shared)) for arm in (first, second))
    return f"{names} at {place_words(shared)}"


def _without(arm: StudyArm, shared: Mapping[str, Any]) -> StudyArm:
    """The arm as if these axes were none of its own."""
    axes = {axis: value for axis, value in arm.axes.items() if axis not in shared}
    return attrs.evolve(arm, axes=axes, name=", ".join(filter(None, (arm.base, place_words(axes)))))


def _claim(claim: Claim) -> str:
    ours = claim.comparison
    first, second = map(placed, ours.arms)
    theirs = f"published {first} {claim.first:g}, {second} {claim.second:g} ({claim.metric}, %)"
    known = ours.difference
    here = "nothing known here"
    if known:
        bounds = f" {interval(known.interval)}" if known.interval else ""
        here = f"here {ours.metric} {signed(known.mean)}{bounds}"
    verdict = {
        "holds": "the difference holds at this size",
        "does not hold": "the difference does not hold at this size: ours has the other sign",
        "not settled": f"not settled at this size: no test here falls below {ALPHA:g}",
        "no difference": "none was published, so there is none to repeat",
    }[claim.verdict]
    return f"{ours.task}: {theirs}; {here}: {verdict}."


def _floors(analysis: Analysis) -> Iterator[str]:
    for task in analysis.tasks:
        known = [each for each in analysis.on(task) if each.best_floor]
        floor = known[0].best_floor if known else None
        if floor is None:
            continue
        words = f"{task}: the best floor is {score(floor.value)} ({floor.name})"
        found = {place: [placed(each.arm) for each in known if _place(each) == place] for place in PLACES}
        parts = [f"{place}: {listed(names)}" for place, names in found.items() if names]
        yield f"{words}; {'; '.join(parts)}."


def _place(scores: ArmScores) -> str:
    """Whether the whole interval of an arm's mean lies past the best floor, before it, or neither."""
    past, between, before, unknown = PLACES
    bounds = scores.summary.interval if scores.summary else None
    floor = scores.best_floor
    if bounds is None or floor is None:
        return unknown
    if bounds[0] <= floor.value <= bounds[1]:
        return between
    return past if (bounds[0] > floor.value) == scores.higher_is_better else before


def _shared_rates(analysis: Analysis) -> Iterator[str]:
    found = shared_rates(analysis.results, analysis.comparisons)
    if not found:
        return
    turned = [each for each in found if each.turned]
    yield (
        f"In {len(turned)} of {count(len(found), 'comparison')} the order of the arms on validation data, "
        "each at its own rate, is the other one at some rate that both share."
    )
    for each in turned:
        rates = listed(f"{signed(each.shared[rate])} at {rate:g}" for rate in each.turned)
        arms = " minus ".join(map(placed, each.comparison.arms))
        yield f"{each.comparison.task}: {arms} is {signed(each.own)} at their own rates, {rates}."
