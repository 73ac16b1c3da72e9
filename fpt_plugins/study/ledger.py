"""What has become of the cells, read from their folders. There is no other truth about them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from fpt_plugins.checkpoint import CHECKPOINTS
from fpt_plugins.options import converter
from fpt_plugins.record import RECORD, RunRecord, read_record
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import sealed, write_file

State = Literal["done", "failed", "begun", "missing"]

CELLS, FAILURES = "cells", "failures"


@attrs.frozen(kw_only=True)
class Failure:
    """Attempts at a cell that came to nothing.

    Args:
        attempts: How many.
        reason: Of the last.
        final: Whether there will be no other.
    """

    attempts: int
    reason: str
    final: bool


@attrs.frozen(eq=False)
class Ledger:
    """The cells below a study's folder.

    Args:
        study: The folder.
    """

    study: Path
    _records: dict[str, RunRecord] = attrs.field(factory=dict, init=False)

    def folder(self, identity: str) -> Path:
        """Where a cell's run is, or will be."""
        return self.study / CELLS / identity

    def state(self, identity: str) -> State:
        """What has become of a cell."""
        folder = self.folder(identity)
        if (folder / RECORD).is_file():
            return "done"
        failure = self.failure(identity)
        if failure is not None and failure.final:
            return "failed"
        return "begun" if folder.exists() else "missing"

    def record(self, identity: str) -> RunRecord | None:
        """A finished cell's record.

        Raises:
            IntegrityError: It is damaged.
        """
        if identity not in self._records and (self.folder(identity) / RECORD).is_file():
            self._records[identity] = read_record(self.folder(identity))
        return self._records.get(identity)

    def forget(self, identity: str) -> None:
        """Reads a cell's record anew when it is asked for next: its test split was scored."""
        self._records.pop(identity, None)

    def failure(self, identity: str) -> Failure | None:
        """The attempts at a cell that came to nothing, if there were any."""
        path = self._failure_path(identity)
        return read_sealed_as(Failure, path, "list of failed attempts") if path.is_file() else None

    def add_failure(self, identity: str, reason: str, attempts: int) -> Failure:
        """Counts an attempt that came to nothing; the last of ``attempts`` marks the cell as failed."""
        before = self.failure(identity)
        count = 1 + (before.attempts if before else 0)
        failure = Failure(attempts=count, reason=reason, final=count >= attempts)
        path = self._failure_path(identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, sealed(converter().unstructure(failure)))
        return failure

    def pardon(self, identity: str) -> None:
        """Forgets the failed attempts at a cell."""
        self._failure_path(identity).unlink(missing_ok=True)

    def pardon_all(self) -> None:
        """Forgets the failed attempts at every cell."""
        for path in (self.study / FAILURES).glob("*.json"):
            path.unlink()

    def saved_step(self, identity: str) -> int:
        """The step of a cell's newest checkpoint; 0 where there is none."""
        return saved_step(self.folder(identity))

    def _failure_path(self, identity: str) -> Path:
        return self.study / FAILURES / f"{identity}.json"


def saved_step(run: Path) -> int:
    """The step of a run's newest checkpoint; 0 where there is none."""
    steps = (run / CHECKPOINTS).glob("step-*")
    return max((int(path.name.removeprefix("step-")) for path in steps), default=0)
