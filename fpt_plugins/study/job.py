"""What a worker is asked to do, and how it does it."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import filelock
import torch

from fpt_plugins.evaluation import evaluate
from fpt_plugins.run_folder import RUN
from fpt_plugins.storage import LOCK
from fpt_plugins.study.ledger import saved_step
from fpt_plugins.training import train

LOGS = "logs"
LOCK_SECONDS = 60.0
"""That a worker waits for one before it, whose study was killed, to notice and let go."""


@attrs.frozen(kw_only=True)
class Job:
    """One cell to be trained, or to be scored on its test split.

    Args:
        identity: The cell.
        work: Which of the two.
        study: The study's folder.
        folder: The cell's folder.
        settings: Fields of its configuration, ``task`` among them.
        data: Where data files are.
        threads: That it computes with.
        saved_step: Of the cell's newest checkpoint when it was submitted.
    """

    identity: str
    work: Literal["train", "test"]
    study: Path
    folder: Path
    settings: Mapping[str, Any]
    data: Path | None
    threads: int
    saved_step: int = 0

    @property
    def key(self) -> str:
        """The name under which failures of it are counted."""
        return self.identity if self.work == "train" else f"{self.identity}-test"

    @property
    def members(self) -> tuple[Job, ...]:
        """Itself, alone."""
        return (self,)

    @property
    def reached(self) -> int:
        """The step of the newest checkpoint that there is now."""
        return saved_step(self.folder)

    def perform(self) -> str:
        """Does it, in this process.

        Returns:
            Why it came to nothing; ``""`` where it did not.

        Raises:
            KeyboardInterrupt: It was asked to stop, and left a checkpoint.
        """
        return attempt(self.threads, self._test if self.work == "test" else self._train)

    def logged(self) -> AbstractContextManager[None]:
        """What this process prints goes into the cell's log meanwhile."""
        return logged(self.study / LOGS / f"{self.identity}.txt")

    def _train(self) -> None:
        wait_for(self.folder)
        if self.folder.exists() and not (self.folder / RUN).is_file():
            shutil.rmtree(self.folder)  # killed between making its folder and writing into it
        settings = {**self.settings, "data": self.data}
        train(settings.pop("task"), out=self.folder, resume=self.folder.exists(), **settings)

    def _test(self) -> None:
        wait_for(self.folder)
        evaluate(self.folder, "test", device=self.settings["device"], data=self.data)


def attempt(threads: int, work: Callable[[], None]) -> str:
    """Works with some threads, in this process.

    Returns:
        Why it came to nothing; ``""`` where it did not.
    """
    torch.set_num_threads(threads)
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever a cell raises is its result, not the study's end
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def logged(log: Path) -> Iterator[None]:
    """What this process prints goes to the end of a file meanwhile."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with log.open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        try:
            yield
        finally:
            for descriptor, before in zip((1, 2), kept, strict=True):
                os.dup2(before, descriptor)
                os.close(before)


def wait_for(run: Path) -> None:
    """Waits until nobody works in a run's folder."""
    if run.exists():
        with filelock.FileLock(run / LOCK, timeout=LOCK_SECONDS):
            pass
