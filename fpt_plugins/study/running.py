"""The loop of a study: what is missing goes to the workers, and what comes back is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import attrs

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.storage import exclusive, sweep
from fpt_plugins.study.bank_job import BANKS, BankJob, Work
from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Study
from fpt_plugins.study.grid import GRID, Grid
from fpt_plugins.study.job import Job
from fpt_plugins.study.ledger import Ledger
from fpt_plugins.study.planning import Planner
from fpt_plugins.study.study_file import check_folder, save_study
from fpt_plugins.study.workers import Outcome, Workers


class Watcher(Protocol):
    """Is told how a study goes on."""

    def grid(self, study: Study, grid: Grid, ledger: Ledger) -> None:
        """The grid as it is now."""
        ...

    def settled(self, cell: Cell, outcome: Outcome) -> None:
        """A job is over."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class StudyRun:
    """One session of a study.

    Args:
        study: What is asked.
        folder: Where it is kept.
        workers: Who trains.
        engine: What they are: ``local`` or ``ray``.
        threads: Of each.
        bank: Whether cells that can share their passes do.
        data: Where data files are.
        watcher: Is told how it goes on.
    """

    study: Study
    folder: Path
    workers: Workers
    engine: str
    threads: int
    data: Path | None
    watcher: Watcher
    bank: bool = False
    ledger: Ledger = attrs.field(init=False)

    @ledger.default
    def _ledger(self) -> Ledger:
        return Ledger(self.folder)

    def run(self, *, retry: bool = False) -> None:
        """Trains what is missing, then scores each arm at its chosen rate on the test split, once.

        What fails in a cell is its own; the grid goes on. Interrupted, it asks its workers to save.

        Args:
            retry: Give the cells that were marked as failed their attempts anew.

        Raises:
            FptError: Another process works in the folder, or a name or a value of the study is wrong.
            ConfigurationError: The folder holds another study, or its cells were trained in other banks.
            KeyboardInterrupt: Ctrl-C. The same call continues.
        """
        check_folder(self.study, self.folder)
        self._check_banks()
        planner = Planner(self.study, self.ledger, self.threads if self.bank else None)
        planner.check()  # before there is a folder
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder):
            sweep(self.folder)
            save_study(self.study, self.folder)
            if retry:
                self.ledger.pardon_all()
            try:
                self._drain(planner, self._untrained)
                self._drain(planner, self._untested)
            finally:
                self.workers.stop()

    def _drain(self, planner: Planner, wanted: Callable[[Grid], Iterator[tuple[Cell, Work]]]) -> None:
        """Keeps the workers busy until nothing is wanted and nothing is under way."""
        under_way: dict[str, Cell] = {}
        while True:
            grid = planner.grid(
                engine=self.engine, workers=self.workers.count, threads=self.threads, bank=self.bank
            )
            grid.save(self.folder)
            self.watcher.grid(self.study, grid, self.ledger)
            for cell, job in wanted(grid):
                if len(under_way) < self.workers.count and job.key not in under_way:
                    under_way[job.key] = cell
                    self.workers.submit(job)
            if not under_way:
                return
            outcome = self.workers.wait()
            self._settle(outcome)
            self.watcher.settled(under_way.pop(outcome.job.key), outcome)

    def _check_banks(self) -> None:
        """Refuses to train anew what is there, because a flag was forgotten or the machine has more cores."""
        if not (self.folder / GRID).is_file():
            return
        there = Grid.load(self.folder)
        if there.bank != self.bank or (self.bank and there.threads != self.threads):
            begun = f"--bank --threads {there.threads}" if there.bank else "no --bank"
            raise ConfigurationError(
                f"{self.folder} was begun with {begun}: other banks or threads make other cells",
                "continue it as it was begun, or give another --out",
            )

    def _untrained(self, grid: Grid) -> Iterator[tuple[Cell, Work]]:
        if out_of_budget(self.study, grid, self.ledger):
            return
        for cell in grid.runs:
            ready = not cell.after or self.ledger.state(cell.after) == "done"
            if ready and self.ledger.state(cell.identity) in {"missing", "begun"}:
                yield cell, self._bank_job(grid, cell) if cell.bank else self._job(cell, "train")

    def _untested(self, grid: Grid) -> Iterator[tuple[Cell, Work]]:
        for cell in grid.cells:
            record = self.ledger.record(cell.identity) if cell.role == "final" else None
            job = self._job(cell, "test")
            failure = self.ledger.failure(job.key)
            if record and "test" not in record.evaluations and not (failure and failure.final):
                yield cell, job

    def _job(self, cell: Cell, work: Literal["train", "test"]) -> Job:
        return Job(
            identity=cell.identity,
            work=work,
            study=self.folder,
            folder=self.ledger.folder(cell.identity),
            settings=cell.configuration,
            data=self.data,
            threads=self.threads,
            saved_step=self.ledger.saved_step(cell.identity),
        )

    def _bank_job(self, grid: Grid, cell: Cell) -> BankJob:
        members = tuple(self._job(each, "train") for each in grid.runs if each.bank == cell.bank)
        job = BankJob(identity=cell.bank, folder=self.folder / BANKS / cell.bank, members=members)
        return attrs.evolve(job, saved_step=job.reached)

    def _settle(self, outcome: Outcome) -> None:
        for job in outcome.job.members:
            self.ledger.forget(job.identity)
            done = self.ledger.state(job.identity) == "done"
            if done and (job.work == "train" or not outcome.reason):
                self.ledger.pardon(job.key)  # a cell of a bank may have its place when the bank is lost
            elif outcome.reason and not (outcome.died and outcome.job.reached > outcome.job.saved_step):
                # a process that was killed after it had saved more than it began with was on its way
                self.ledger.add_failure(job.key, outcome.reason, self.study.stopping.attempts)


def out_of_budget(study: Study, grid: Grid, ledger: Ledger) -> str:
    """Why no further cell may begin; ``""`` where one may."""
    records = [ledger.record(cell.identity) for cell in grid.runs]
    done = [record for record in records if record]
    stopping, spent = study.stopping, sum(record.seconds for record in done)
    if stopping.seconds is not None and spent >= stopping.seconds:
        return f"{spent:.0f} of {stopping.seconds:g} seconds of training are spent"
    if stopping.cells is not None and len(done) >= stopping.cells:
        return f"{len(done)} of {stopping.cells} cells are trained"
    return ""
