"""The statistics of a report, against closed forms, enumeration and a library that counts operations."""

import itertools
import json
import math
import statistics

import attrs
import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode

from fpt_plugins import build
from fpt_plugins.data import collate, tokenize
from fpt_plugins.record import group_counts
from fpt_plugins.report.analysis import analyze
from fpt_plugins.report.answer import sentence
from fpt_plugins.report.axis_figures import axis_lines
from fpt_plugins.report.claims import claims
from fpt_plugins.report.comparison import compare, holm
from fpt_plugins.report.convergence import convergences
from fpt_plugins.report.cost import operations_per_token
from fpt_plugins.report.detail_tables import convergence_table
from fpt_plugins.report.rates import sensitivity, shared_rates
from fpt_plugins.report.scores import ArmScores
from fpt_plugins.report.signals import training_signals
from fpt_plugins.report.summary import Summary, summarize
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.definition import Published, PublishedScores
from fpt_plugins.study.selection import Choice, RateScore

FIRST, SECOND = (0.91, 0.95, 0.93), (0.90, 0.91, 0.86)


def scores(name, values, **axes):
    arm = StudyArm(task="bits/xor", name=name, base=name, control="", axes=axes, settings={}, rates=())
    seeds = dict(enumerate(values))
    return ArmScores(arm=arm, metric="accuracy", higher_is_better=True, by_seed=seeds, floors=())


@pytest.fixture(scope="module")
def over(small_study, run_small, new_direct_workers):
    """A study of two arms that is over, with a threshold that chance reaches."""
    return run_small(small_study(tasks={"bits/xor": {"threshold": 0.3}}), new_direct_workers())


def test_the_interval_is_students():
    """With three values: mean ± t s / √3, where t = 0.95 √(2 / (1 - 0.95²)) is as 2 degrees have it."""
    t = 0.95 * math.sqrt(2 / (1 - 0.95**2))
    half = t * np.std(FIRST, ddof=1) / math.sqrt(3)
    low, high = Summary(FIRST).interval
    assert (low, high) == pytest.approx((np.mean(FIRST) - half, np.mean(FIRST) + half), rel=1e-12)
    assert Summary(FIRST).mean == pytest.approx(np.mean(FIRST), rel=1e-15)


def test_a_textbook_interval():
    """Student's sleep data, second drug (Biometrika 6, 1908): mean 2.33, 95 % interval 0.90 to 3.76."""
    found = Summary([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    assert found.mean == pytest.approx(2.33)
    assert found.interval == pytest.approx((0.90, 3.76), abs=0.005)


def test_one_value_has_no_interval():
    """And equal values have one of no width."""
    assert Summary([0.5]).interval is None
    assert Summary([0.5, 0.5]).interval == (0.5, 0.5)


@pytest.mark.parametrize("values", [(0.5, None), (0.5, math.nan), (0.5, math.inf), (None,), ()])
def test_there_is_no_mean_over_a_hole(values):
    """A missing value, one that is no number, and no values at all have no summary."""
    assert summarize(values) is None


def test_holms_correction_is_the_closed_test_of_bonferroni():
    """Each corrected p is the greatest of |S| min(p of S) over all sets S that hold it, at most 1."""
    p = [0.01, 0.04, 0.03, 0.005, 0.6]
    closed = [
        max(
            min(1.0, size * min(p[place] for place in chosen))
            for size in range(1, len(p) + 1)
            for chosen in itertools.combinations(range(len(p)), size)
            if each in chosen
        )
        for each in range(len(p))
    ]
    assert holm(p) == pytest.approx(closed)


def test_the_paired_test_is_students():
    """With three pairs p = 1 - |t| / √(t² + 2), the closed form for 2 degrees of freedom."""
    differences = np.subtract(FIRST, SECOND)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(3))
    (found,) = compare([(scores("a", FIRST), scores("b", SECOND), "")])
    assert found.p == pytest.approx(1 - abs(t) / math.sqrt(t**2 + 2))
    assert found.corrected == found.p
    assert found.difference.mean == pytest.approx(differences.mean())


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (({"layers": 2}, {"layers": 2}), "none, no body against all at layers=2"),
        (({"layers": 2}, {"layers": 4}), "none, no body (layers=2) against all (layers=4)"),
        (({}, {"layers": 4}), "none, no body against all (layers=4)"),
    ],
)
def test_a_sentence_takes_places_from_the_axes(axes, words):
    """A comma in an arm's name is no place on an axis; a common place is said once."""
    first, second = scores("none, no body", FIRST, **axes[0]), scores("all", SECOND, **axes[1])
    (found,) = compare([(first, second, "")])
    assert sentence(found).startswith(f"bits/xor: {words}: ")


def test_the_signed_ranks_are_wilcoxons():
    """Its p is the share of all 2^6 sign patterns whose rank sum is as far from the middle."""
    differences = np.array([0.05, -0.01, 0.02, 0.03, 0.04, 0.06])
    ranks = np.abs(differences).argsort().argsort() + 1
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=6)]
    middle = ranks.sum() / 2
    seen = abs(ranks[differences > 0].sum() - middle)
    expected = np.mean([abs(each - middle) >= seen for each in sums])
    (found,) = compare([(scores("a", differences), scores("b", np.zeros(6)), "")])
    assert found.wilcoxon == pytest.approx(expected)


def test_what_cannot_be_tested_says_why_and_still_counts():
    """A hole, one seed and equal differences have no p-value; the fourth is corrected for all four."""
    whole = scores("a", FIRST)
    found = compare(
        [
            (whole, scores("hole", (0.9, None, 0.8)), ""),
            (scores("single", [0.9]), scores("other", [0.8]), ""),
            (whole, scores("parallel", [value - 0.1 for value in FIRST]), ""),
            (whole, scores("b", SECOND), ""),
        ]
    )
    assert [each.p is None for each in found] == [True, True, True, False]
    assert found[0].difference is None
    reasons = [each.reason for each in found]
    assert [reason.split()[0] for reason in reasons[:3]] == ["a", "one", "the"]
    assert reasons[3] == ""
    assert found[3].corrected == pytest.approx(min(1.0, 4 * found[3].p))


@pytest.mark.parametrize(
    ("theirs", "second", "verdict"),
    [
        ((98.0, 91.7), (0.10, 0.14, 0.13), "holds"),
        ((91.7, 98.0), (0.10, 0.14, 0.13), "does not hold"),
        ((98.0, 91.7), SECOND, "not settled"),
        ((98.0, 91.7), (0.10, None, 0.13), "not settled"),
        ((100.0, 100.0), (0.10, 0.14, 0.13), "no difference"),
    ],
)
def test_a_published_difference_holds_only_where_ours_is_shown(theirs, second, verdict):
    """With their sign and a corrected p below 0.05; else it does not hold or is not settled."""
    values = dict(zip("ab", theirs, strict=True))
    published = Published(source="a table", tasks={"bits/xor": PublishedScores(values=values)})
    compared = compare([(scores("a", FIRST), scores("b", second), "")])
    (found,) = claims(published, compared)
    assert found.verdict == verdict


def rate_score(rate, score):
    return RateScore(rate=rate, score=score)


RATES = tuple(rate_score(rate, score) for rate, score in ((1e-4, 0.5), (1e-3, 0.8), (1e-2, 0.9), (1e-1, 0.7)))


@pytest.mark.parametrize(
    ("higher", "rate", "beside", "worst"), [(True, 1e-2, 0.7, 0.5), (False, 1e-4, 0.8, 0.9)]
)
def test_the_cost_of_a_wrong_rate(higher, rate, beside, worst):
    """The worse neighbor on the grid and the worst rate, whichever way the metric goes."""
    choice = Choice(task="t", arm="a", metric="m", higher_is_better=higher, scores=RATES, rate=rate)
    found = sensitivity(choice)
    assert (found.best, found.beside, found.worst) == ({1e-2: 0.9, 1e-4: 0.5}[rate], beside, worst)
    assert sensitivity(attrs.evolve(choice, rate=None)) is None


def test_one_rate_for_both_arms_may_turn_their_order(over):
    """Their differences at their own rates and at each shared one, from the sweep's scores."""
    arms = [arm.name for arm in over.arms]
    found = {arms[0]: (0.9, 0.5), arms[1]: (0.6, 0.8)}
    choices = tuple(
        attrs.evolve(
            choice,
            rate=1e-3 if choice.arm == arms[0] else 1e-2,
            scores=tuple(map(rate_score, (1e-3, 1e-2), found[choice.arm])),
        )
        for choice in over.choices
    )
    changed = attrs.evolve(over, choices=choices)
    compared = compare([(scores(arms[0], FIRST), scores(arms[1], SECOND), "")])
    (shared,) = shared_rates(changed, compared)
    assert shared.own == pytest.approx(0.9 - 0.8)
    assert shared.shared == pytest.approx({1e-3: 0.9 - 0.6, 1e-2: 0.5 - 0.8})
    assert shared.turned == (1e-2,)


def test_lines_along_an_axis_leave_holes_out():
    """A share of the data with a missing seed has no point; the others are in order, with their intervals."""
    found = (
        scores("a, data_fraction=1.0", FIRST, data_fraction=1.0),
        scores("a, data_fraction=0.5", (0.9, None, 0.8), data_fraction=0.5),
        scores("a, data_fraction=0.1", SECOND, data_fraction=0.1),
    )
    found = tuple(attrs.evolve(each, arm=attrs.evolve(each.arm, base="a")) for each in found)
    (line,) = axis_lines(found, "data_fraction")
    assert (line.label, line.x) == ("a", (0.1, 1.0))
    assert line.y == (Summary(SECOND).mean, Summary(FIRST).mean)
    assert line.low == (Summary(SECOND).interval[0], Summary(FIRST).interval[0])


@pytest.mark.parametrize("train", ["fpt", "full", "head"])
def test_operations_are_those_that_a_library_counts(train):
    """A step of a whole mini GPT-2: within 3 % of torch's own counter, attention's products counted."""
    plain = {"precision": "fp32", "device": "cpu", "fast": ()}  # every position of every block is computed
    arm = build("bits/xor", backbone="gpt2-mini", init="random", train=train, **plain)
    samples = [arm.task.split("train")[place][0] for place in range(2)]
    batch = collate(arm.task, tokenize(arm.plugins, arm.task, samples))
    with FlopCounterMode(display=False) as counter:
        arm.outputs(batch).sum().backward()
    counted = counter.get_total_flops()
    tokens = batch.attention_mask.numel()
    assert tokens * operations_per_token(group_counts(arm.partition)) == pytest.approx(counted, rel=0.03)


def test_steps_to_a_threshold_are_the_first_that_reach_it(over):
    """As read from the runs' own files; a run that is not over has none, and its arm no mean."""
    for found in convergences(over):
        for cell in over.select("bits/xor", found.arm.name, "final"):
            lines = (cell.folder / "metrics.jsonl").read_text().splitlines()
            rows = [row for row in map(json.loads, lines) if row["split"] == "validation"]
            reached = [row["step"] for row in rows if row["accuracy"] >= 0.3]
            assert found.by_seed[cell.seed] == (reached[0] if reached else None)
    cut = attrs.evolve(over, cells=tuple(attrs.evolve(cell, status="missing") for cell in over.cells))
    assert all(set(found.by_seed.values()) == {None} and found.summary is None for found in convergences(cut))


def test_published_steps_stand_beside_ours(over):
    """In the row of their arm; a study without them has no such column."""
    theirs = PublishedScores(steps={"train=fpt": 500})
    published = Published(source="a table", differs="other data", tasks={"bits/xor": theirs})
    found = attrs.evolve(over, study=attrs.evolve(over.study, published=published))
    table = convergence_table(analyze(found))
    assert table.columns[-1] == "published"
    assert {row[1]: row[-1] for row in table.rows} == {"train=fpt": "500", "train=head": "-"}
    assert "a table. Why ours may differ: other data" in table.note
    assert "published" not in convergence_table(analyze(over)).columns


def test_training_signals_are_those_of_the_rows(over):
    """Median gradient norm, share of clipped steps and drift, each the mean over the seeds."""
    arm = next(arm for arm in over.arms if arm.name == "train=fpt")
    found, cells = training_signals(over, arm), over.select("bits/xor", arm.name, "final")
    norms = [statistics.median(row["gradient_norm"] for row in cell.rows("train")) for cell in cells]
    clipped = [
        np.mean([row["gradient_norm"] > cell.configuration["clip"] for row in cell.rows("train")])
        for cell in cells
    ]
    assert found.gradient_norm.mean == pytest.approx(np.mean(norms))
    assert found.clipped.mean == pytest.approx(np.mean(clipped))
    assert set(found.drift) == {"input", "head", "layer_norm", "position"}
    assert all(summary.mean > 0 for summary in found.drift.values() if summary)
