"""What a study found, from its folder alone: neither plugins nor weights are needed to read it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from fpt_plugins.metric_rows import METRICS, read_rows
from fpt_plugins.record import Evaluation, RunRecord
from fpt_plugins.study.arms import Role, StudyArm
from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Study
from fpt_plugins.study.grid import Grid
from fpt_plugins.study.ledger import CELLS, Ledger
from fpt_plugins.study.reproduction import command_of
from fpt_plugins.study.selection import Choice
from fpt_plugins.study.study_file import load_study

Status = Literal["done", "failed", "missing"]


@attrs.frozen(kw_only=True)
class StudyCell:
    """One run that the study asks for, and what became of it.

    Args:
        task: The task's label in the study; of a run that comes first, its name.
        arm: The arm's name; ``""`` of a run that comes first.
        role: ``before``; ``sweep``, which the choice of the learning rate stands on; or ``final``, which
            the results stand on. One run may be there in two roles: then it is two cells of one folder.
        lr: Its learning rate; ``None`` where it is not chosen yet.
        seed: Its seed.
        status: ``done``, ``failed`` (given up, for ``reason``) or ``missing`` (not begun or not over).
        reason: Why it failed or is missing, and of a ``done`` one why its test split was not scored.
        attempts: Attempts that came to nothing.
        identity: The hash that names its folder; ``""`` where its learning rate is not chosen yet.
        bank: The bank whose passes it shared; ``""`` where it trained alone.
        folder: An ordinary run's folder; ``None`` where nothing has begun.
        record: The run's record, where it is done.
        configuration: Every setting, resolved; empty where its learning rate is not chosen yet.
        command: The command line that trains the same anew, elsewhere.
    """

    task: str
    arm: str
    role: Role
    lr: float | None
    seed: int
    status: Status
    reason: str = ""
    attempts: int = 0
    identity: str = ""
    bank: str = ""
    folder: Path | None = None
    record: RunRecord | None = None
    configuration: Mapping[str, Any] = attrs.field(factory=dict)
    command: str = ""

    @property
    def validation(self) -> Evaluation | None:
        """Scores and floors of the best step on validation data."""
        return self.record.evaluations.get("validation") if self.record else None

    @property
    def test(self) -> Evaluation | None:
        """Scores and floors on the test split, which is read for final cells once the grid is trained."""
        return self.record.evaluations.get("test") if self.record and self.role == "final" else None

    def rows(self, split: str | None = None) -> list[dict[str, Any]]:
        """The rows of its ``metrics.jsonl``, of an unfinished run too.

        ``train`` rows have ``step``, ``loss``, the batch's metrics, ``gradient_norm`` (before clipping),
        ``clipped`` (the share of steps so far whose gradient was clipped) and ``seconds``;
        ``validation`` rows have ``step``, the metrics, ``loss``, ``drift`` (by parameter group, the
        relative change since step 0 in L2 norm) and ``seconds``.

        Args:
            split: ``train`` or ``validation``; both where it is not given.
        """
        rows = read_rows(self.folder / METRICS) if self.folder else []
        return [row for row in rows if split in (None, row.get("split"))]


@attrs.frozen(kw_only=True)
class StudyResults:
    """All that a study's folder says.

    Args:
        study: What was asked, its scale, comparisons and published figures among it.
        folder: Where it is.
        arms: Every arm on every task, in the study's order: its place on the axes, its settings, and
            which control it is.
        cells: Every run that is asked for, whatever became of it.
        choices: Each arm's learning rate on each task, with what its sweep says of every rate.
        left_out: The reason by the name of each control that is not there.
        engine: Where the last session trained: ``local`` or ``ray``.
        workers: Of that session.
        threads: How many computing threads the finished runs had, with the number of such runs.
        unasked: Folders of runs that the study does not ask for now: it was changed since.
    """

    study: Study
    folder: Path
    arms: tuple[StudyArm, ...]
    cells: tuple[StudyCell, ...]
    choices: tuple[Choice, ...]
    left_out: Mapping[str, str]
    engine: str
    workers: int
    threads: Mapping[int, int]
    unasked: tuple[Path, ...]

    def select(self, task: str, arm: str, role: Role) -> tuple[StudyCell, ...]:
        """The cells of one arm on one task in one role."""
        return tuple(cell for cell in self.cells if (cell.task, cell.arm, cell.role) == (task, arm, role))

    def choice(self, task: str, arm: str) -> Choice:
        """The learning rate of an arm on a task."""
        return next(each for each in self.choices if (each.task, each.arm) == (task, arm))

    def pairs(self) -> Iterator[tuple[StudyArm, StudyArm, str]]:
        """The arms to be compared, as the study decided beforehand, each with the comparison's question.

        A comparison of two names of arms stands for every task and every place on the axes that both have.
        """
        for comparison, first, second in itertools.product(self.study.comparisons, self.arms, self.arms):
            named = first.name == comparison.first and second.name == comparison.second
            based = first.base == comparison.first and second.base == comparison.second
            shared = first.axes.keys() & second.axes.keys()
            together = all(first.axes[axis] == second.axes[axis] for axis in shared)
            if first.task == second.task and (named or (based and together)):
                yield first, second, comparison.question

    @property
    def complete(self) -> bool:
        """Whether every run is done and every final one is scored on its test split."""
        return all(cell.status == "done" and (cell.role != "final" or cell.test) for cell in self.cells)

    def standing(self) -> str:
        """In words: how many runs are done, failed and missing."""
        shared = set(self.study.sweep.seeds)  # of an arm without a rate: one of its sweep's runs, whichever
        runs = {
            cell.identity or id(cell): cell.status
            for cell in self.cells
            if cell.identity or cell.seed not in shared
        }
        counts = Counter(runs.values())
        untested = sum(
            cell.role == "final" and cell.status == "done" and not cell.test for cell in self.cells
        )
        words = [f"{counts['done']} of {len(runs)} runs done"]
        words += [f"{counts[state]} {state}" for state in ("failed", "missing") if counts[state]]
        words += [f"{untested} not scored on test data"] if untested else []
        return ", ".join(words)


def read_results(directory: str | Path) -> StudyResults:
    """The results of a study, finished or not, also while it runs.

    Args:
        directory: The study's folder.

    Raises:
        ConfigurationError: No study was begun there.
        IntegrityError: A file is damaged; it is named.

    Example:
        >>> results = read_results("studies/language-or-random")  # doctest: +SKIP
        >>> [cell.test.metrics for cell in results.cells if cell.test]  # doctest: +SKIP
    """
    folder = Path(directory)
    study, grid, ledger = load_study(folder), Grid.load(folder), Ledger(folder)
    cells = (*(_cell(cell, ledger) for cell in grid.cells), *_unchosen(study, grid))
    threads = Counter(
        int(record.machine["threads"])
        for record in {cell.identity: cell.record for cell in cells}.values()
        if record
    )
    asked = {cell.identity for cell in grid.cells}
    return StudyResults(
        study=study,
        folder=folder,
        arms=grid.arms,
        cells=cells,
        choices=grid.choices,
        left_out=grid.left_out,
        engine=grid.engine,
        workers=grid.workers,
        threads=dict(threads),
        unasked=tuple(path for path in sorted((folder / CELLS).glob("*")) if path.name not in asked),
    )


def _cell(cell: Cell, ledger: Ledger) -> StudyCell:
    state, record = ledger.state(cell.identity), ledger.record(cell.identity)
    trained, tested = ledger.failure(cell.identity), ledger.failure(f"{cell.identity}-test")
    failure = tested if record else trained
    folder = ledger.folder(cell.identity)
    words = {"begun": f"stopped at step {ledger.saved_step(cell.identity)}", "missing": "not begun"}
    return StudyCell(
        task=cell.task,
        arm=cell.arm,
        role=cell.role,
        lr=cell.lr,
        seed=cell.seed,
        status="missing" if state in words else state,  # type: ignore[arg-type] # the other two are its own
        reason=failure.reason if failure else words.get(state, ""),
        attempts=failure.attempts if failure else 0,
        identity=cell.identity,
        bank=cell.bank,
        folder=folder if folder.exists() else None,
        record=record,
        configuration=cell.configuration,
        command=command_of(cell.configuration),
    )


def _unchosen(study: Study, grid: Grid) -> Iterator[StudyCell]:
    """The final cells of arms whose learning rate is not chosen yet."""
    for choice in grid.choices:
        if choice.rate is None:
            known = sum(score.known for score in choice.scores)
            every = bool(choice.scores) and all(score.failed for score in choice.scores)
            reason = "every learning rate failed" if every else "its sweep is not over"
            reason += f": {known} of {len(choice.scores)} rates are known"
            for seed in study.seeds:
                yield StudyCell(
                    task=choice.task,
                    arm=choice.arm,
                    role="final",
                    lr=None,
                    seed=seed,
                    status="missing",
                    reason=reason,
                )
