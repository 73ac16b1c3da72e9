"""Many jobs at a time, on this machine or on a cluster, by Ray.

All machines see the study's folder under one path, and have the same packages.
"""

from __future__ import annotations

import time
from typing import Any

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.study.bank_job import Work
from fpt_plugins.study.workers import Outcome

STOP_SECONDS = 120.0
"""That a cell has to end its step and save, once it was asked to stop."""


class RayWorkers:
    """Each job a Ray task that is never retried by Ray: attempts are the study's to count.

    Args:
        count: Jobs at once.
        threads: Of each: as many cores are reserved for it.
        seconds: That one cell may take once its job was submitted.
        address: Of a running cluster; one is begun on this machine where it is ``None``.

    Raises:
        ConfigurationError: Ray is not installed.
    """

    def __init__(self, count: int, threads: int, seconds: float, address: str | None) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError(
                "the engine ray is not installed", 'pip install "fpt-plugins[ray]"'
            ) from error
        self._ray: Any = ray
        own = {"num_cpus": count * threads, "include_dashboard": False} if address is None else {}
        ray.init(address=address, log_to_driver=False, logging_level="error", **own)
        self._remote = ray.remote(num_cpus=threads, max_retries=0)(_work)
        self.count, self._seconds = count, seconds
        self._jobs: dict[Any, tuple[Work, float]] = {}

    def submit(self, job: Work) -> None:
        """Begins a job."""
        deadline = time.monotonic() + self._seconds * len(job.members)
        self._jobs[self._remote.remote(job)] = (job, deadline)

    def wait(self) -> Outcome:
        """What came of one of the jobs."""
        while True:
            left = min(deadline for _, deadline in self._jobs.values()) - time.monotonic()
            ready, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=max(0.0, left))
            if ready:
                return self._outcome(ready[0], self._jobs.pop(ready[0])[0])
            for reference, (job, deadline) in self._jobs.items():
                if deadline <= time.monotonic():
                    self._ray.cancel(reference, force=True)
                    del self._jobs[reference]
                    seconds = self._seconds * len(job.members)
                    return Outcome(job=job, reason=f"not over after {seconds:g} seconds")

    def stop(self) -> None:
        """Interrupts every job as Ctrl-C would, waits, and lets the cluster go."""
        for reference in self._jobs:
            self._ray.cancel(reference)
        if self._jobs:
            self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=STOP_SECONDS)
        self._ray.shutdown()

    def _outcome(self, reference: Any, job: Work) -> Outcome:
        try:
            return Outcome(job=job, reason=self._ray.get(reference))
        except self._ray.exceptions.RayTaskError as error:
            return Outcome(job=job, reason=str(error.cause))
        except self._ray.exceptions.RayError as error:
            return Outcome(job=job, reason=f"its process died: {type(error).__name__}", died=True)


def _work(job: Work) -> str:
    with job.logged():
        return job.perform()
