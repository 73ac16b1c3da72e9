"""Cells that train in one pass, and are lost or done together."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, TypeAlias

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.population import Population
from fpt_plugins.record import RECORD
from fpt_plugins.streams import preserved_generators
from fpt_plugins.study.job import LOGS, Job, attempt, logged, wait_for
from fpt_plugins.study.ledger import Ledger, saved_step
from fpt_plugins.sweep import Sweep

BANKS = "banks"
ALONE = "run the study without --bank, in another --out: its cells then train one by one"
"""What to do where memory does not suffice for a bank."""


@attrs.frozen(kw_only=True)
class BankJob:
    """Cells to be trained in one pass for all of them.

    What a cell computes hangs, in its last digits, on who shares its passes. So a bank that was stopped
    goes on only where all its members saved the same step; otherwise it is lost, and begins again whole.

    Args:
        identity: The bank.
        folder: Where it trains. Its cells get their own places when all of them are over.
        members: The jobs of its cells.
        saved_step: The largest that a member had saved when it was submitted.
    """

    work: ClassVar[str] = "train"

    identity: str
    folder: Path
    members: tuple[Job, ...]
    saved_step: int = 0

    @property
    def key(self) -> str:
        """The name under which it is under way."""
        return self.identity

    @property
    def reached(self) -> int:
        """The largest step that a member has saved: one whose loss is not finite saves no further one."""
        return max(self._saved_steps)

    @property
    def in_step(self) -> bool:
        """Whether it can go on: all members have saved one step, and none is over or has failed."""
        over = any((self.folder / job.identity / RECORD).is_file() for job in self.members)
        return not over and self.reached > 0 and len(set(self._saved_steps)) == 1

    @property
    def _saved_steps(self) -> list[int]:
        return [saved_step(self.folder / job.identity) for job in self.members]

    def perform(self) -> str:
        """Does it, in this process.

        Returns:
            Why it came to nothing; ``""`` where it did not. A member whose loss is not finite does not
            end the others: it is marked as failed, once, because the same bank would end the same.

        Raises:
            KeyboardInterrupt: It was asked to stop, and left a checkpoint of each member.
        """
        return attempt(self.members[0].threads, self._train)

    def logged(self) -> AbstractContextManager[None]:
        """What this process prints goes into the bank's log meanwhile."""
        return logged(self.members[0].study / LOGS / f"{self.identity}.txt")

    def _train(self) -> None:
        for job in self.members:
            wait_for(self.folder / job.identity)
        if not self.in_step:
            shutil.rmtree(self.folder, ignore_errors=True)
        arms = {job.identity: Configuration.of(**{**job.settings, "data": job.data}) for job in self.members}
        bank = Sweep(self.folder, arms, {})
        with preserved_generators(), bank.population(arms) as population:
            for _ in population.rows(ALONE):
                pass
            bank.close(population)
        self._hand_over(population)

    def _hand_over(self, population: Population) -> None:
        """Gives each cell its place; one that is done already, of a bank that lost another, keeps its own."""
        ledger = Ledger(self.members[0].study)
        for name, error in population.failures.items():
            ledger.add_failure(name, f"{type(error).__name__}: {error}", attempts=1)
        for job in self.members:
            if not (job.folder / RECORD).is_file():
                shutil.rmtree(job.folder, ignore_errors=True)
                job.folder.parent.mkdir(exist_ok=True)
                os.replace(self.folder / job.identity, job.folder)  # noqa: PTH105 - a folder, at once
        shutil.rmtree(self.folder)


Work: TypeAlias = Job | BankJob
"""What a worker is asked to do."""
