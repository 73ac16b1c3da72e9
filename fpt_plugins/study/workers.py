"""Who does the jobs of a study."""

from __future__ import annotations

from typing import Protocol

import attrs

from fpt_plugins.study.bank_job import Work


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a job.

    Args:
        job: Which.
        reason: Why it came to nothing; ``""`` where it was done.
        died: Whether its process ended without a word: killed, out of memory, crashed.
    """

    job: Work
    reason: str = ""
    died: bool = False


class Workers(Protocol):
    """A number of processes that do jobs."""

    count: int

    def submit(self, job: Work) -> None:
        """Begins a job. There are never more under way than ``count``."""
        ...

    def wait(self) -> Outcome:
        """The next job that is over, one way or another."""
        ...

    def stop(self) -> None:
        """Asks what is under way to save and end, waits for it, and lets the processes go."""
        ...
