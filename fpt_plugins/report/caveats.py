"""What a reader must know before any number: what is missing, what was left out, what was read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs

from fpt_plugins.record import RunRecord
from fpt_plugins.report.tuples import texts
from fpt_plugins.report.wording import count, listed
from fpt_plugins.study.definition import CONTROLS
from fpt_plugins.study.results import StudyCell, StudyResults

FEW_SEEDS = 5
"""With fewer, the t-interval hangs on two or three differences, and Wilcoxon's test cannot fall below 0.05:
its least two-sided p-value is 2 / 2^n."""


MACHINE = ("device", "processor", "threads", "precision")
"""What a run's last digits depend on, beside versions."""


@attrs.frozen
class Caveat:
    """One thing that limits what the report can say.

    Args:
        text: In a sentence.
        details: What it is about, one by one.
    """

    text: str
    details: tuple[str, ...] = attrs.field(default=(), converter=texts)


def caveats_of(results: StudyResults) -> tuple[Caveat, ...]:
    """Every caveat, the weightiest first."""
    return tuple(caveat for check in CHECKS for caveat in check(results))


def _scale(results: StudyResults) -> Iterator[Caveat]:
    if results.study.scale == "smoke":
        yield Caveat("This is the smoke scale: it shows that the study runs, and nothing about its question.")


def _failed(results: StudyResults) -> Iterator[Caveat]:
    failed = _runs(results, "failed")
    if failed:
        verb = "was" if len(failed) == 1 else "were"
        yield Caveat(f"{count(len(failed), 'run')} failed and {verb} given up.", map(_reason, failed))


def _missing(results: StudyResults) -> Iterator[Caveat]:
    missing = _runs(results, "missing")
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield Caveat(
            f"{count(len(missing), 'run')} {verb} missing: the study is not over.", map(_reason, missing)
        )


def _untested(results: StudyResults) -> Iterator[Caveat]:
    found = [cell for cell in results.cells if cell.role == "final" and cell.record and not cell.test]
    if found:
        yield Caveat(f"{count(len(found), 'finished run')} without a test score.", map(_reason, found))


def _seeds(results: StudyResults) -> Iterator[Caveat]:
    number = len(results.study.seeds)
    if number == 1:
        yield Caveat("There is one seed only: no interval and no test is possible.")
    elif number < FEW_SEEDS:
        yield Caveat(
            f"There are {number} seeds: intervals are wide, and tests weak.",
            [
                "the t-test's assumption of normal differences cannot be checked",
                f"Wilcoxon's test cannot give a p-value below {2 / 2**number:g}",
            ],
        )


def _controls(results: StudyResults) -> Iterator[Caveat]:
    tasks = [task.label for task in results.study.tasks]
    found = {control: [task for task in tasks if not _has(results, control, task)] for control in CONTROLS}
    absent = {control: where for control, where in found.items() if where}
    if absent:
        yield Caveat(
            f"Left out of {len(CONTROLS)} controls: {listed(absent)}.",
            [
                f"{control} ({CONTROLS[control]}){'' if where == tasks else f' on {listed(where)}'}: "
                f"{results.left_out.get(control, 'no reason is given')}"
                for control, where in absent.items()
            ],
        )


def _has(results: StudyResults, control: str, task: str) -> bool:
    return any(arm.control == control for arm in results.arms if arm.task == task)


def _comparisons(results: StudyResults) -> Iterator[Caveat]:
    if not results.study.comparisons:
        yield Caveat("The study names no comparison, so none is tested: arms can only be looked at.")


def _edges(results: StudyResults) -> Iterator[Caveat]:
    edges = [choice for choice in results.choices if choice.at_edge]
    if edges:
        verb = "is" if len(edges) == 1 else "are"
        yield Caveat(
            f"{count(len(edges), 'chosen learning rate')} {verb} at the edge of the grid: a better one may "
            "lie beyond.",
            [f"{each.task}, {each.arm}: {each.rate:g}" for each in edges],
        )


def _unswept(results: StudyResults) -> Iterator[Caveat]:
    single = [choice for choice in results.choices if len(choice.scores) == 1]
    if single:
        yield Caveat(
            f"{count(len(single), 'arm')} had one learning rate only: nothing was tuned.",
            [f"{each.task}, {each.arm}: {each.scores[0].rate:g}" for each in single],
        )


def _failed_rates(results: StudyResults) -> Iterator[Caveat]:
    failed = [(choice, score) for choice in results.choices for score in choice.scores if score.failed]
    if failed:
        yield Caveat(
            f"{count(len(failed), 'learning rate')} could not be chosen, because a run at it failed.",
            [f"{choice.task}, {choice.arm}: {score.rate:g}" for choice, score in failed],
        )


def _test_reads(results: StudyResults) -> Iterator[Caveat]:
    again = [cell for cell in results.cells if cell.test and cell.test.reads > 1]
    if again:
        yield Caveat(
            f"Test data was read more than once for {count(len(again), 'run')}.",
            [f"{_name(cell)}: {cell.test.reads} times" for cell in again if cell.test],
        )


def _mixed(results: StudyResults) -> Iterator[Caveat]:
    records = [cell.record for cell in results.cells if cell.record]
    facts = [
        *(fact for record in records for fact in record.versions.items()),
        *((name, record.machine[name]) for record in records for name in MACHINE),
    ]
    found = {name: sorted({value for each, value in facts if each == name}) for name, _ in facts}
    mixed = [f"{name}: {listed(values)}" for name, values in found.items() if len(values) > 1]
    if mixed:
        yield Caveat(
            "Runs had different machines or versions: their last digits, and their seconds, need not agree.",
            mixed,
        )


def _not_bitwise(results: StudyResults) -> Iterator[Caveat]:
    done = _runs(results, "done")
    found = [f"{_name(cell)}: {reason}" for cell in done if cell.record for reason in _changed(cell.record)]
    if found:
        yield Caveat(
            "Memory did not suffice for whole steps of some runs, or they were resumed in other "
            "circumstances: trained anew, their last digits need not agree.",
            found,
        )


def _changed(record: RunRecord) -> Iterator[str]:
    """Why a run may differ in its last bits from one of the same settings that nothing disturbed."""
    for step, size in record.micro_batch_sizes.items():
        yield f"out of memory after step {step}; from there on {size} samples at a time"
    yield from record.not_bitwise


def _unasked(results: StudyResults) -> Iterator[Caveat]:
    if results.unasked:
        runs = count(len(results.unasked), "further run")
        yield Caveat(f"The folder holds {runs} that the study, as it is now, does not ask for.")


CHECKS: tuple[Callable[[StudyResults], Iterable[Caveat]], ...] = (
    _scale, _failed, _missing, _untested, _seeds, _controls, _comparisons,
    _edges, _unswept, _failed_rates, _test_reads, _mixed, _not_bitwise, _unasked,
)  # fmt: skip


def _runs(results: StudyResults, status: str) -> list[StudyCell]:
    """The runs of a status, one that is there in two roles once."""
    found = [cell for cell in results.cells if cell.status == status]
    return list({cell.identity or id(cell): cell for cell in reversed(found)}.values())[::-1]


def _name(cell: StudyCell) -> str:
    rate = "learning rate not chosen" if cell.lr is None else f"learning rate {cell.lr:g}"
    return f"{cell.task}, {cell.arm or 'comes first'}, {rate}, seed {cell.seed}"


def _reason(cell: StudyCell) -> str:
    return f"{_name(cell)}: {cell.reason}" if cell.reason else _name(cell)
