"""One session of a study: with which workers, where, and what is printed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Literal

import attrs
from rich.console import Console

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.study.definition import Study
from fpt_plugins.study.display import grid_progress, status_table
from fpt_plugins.study.local_workers import LocalWorkers
from fpt_plugins.study.results import read_results
from fpt_plugins.study.running import StudyRun
from fpt_plugins.study.workers import Workers


@attrs.frozen(kw_only=True)
class Means:
    """What a session trains with.

    Args:
        engine: ``local`` or ``ray``.
        workers: Cells at once.
        threads: Of each; all cores, shared between the workers, where not given.
        address: Of a running Ray cluster; one is begun on this machine where not given.
        bank: Train cells that can share their passes together.
        data: Where data files are.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int = 1
    threads: int = attrs.field()
    address: str | None = None
    bank: bool = False
    data: Path | None = None

    @threads.default
    def _share(self) -> int:
        return max(1, (os.cpu_count() or 1) // max(1, self.workers))

    def __attrs_post_init__(self) -> None:
        if min(self.workers, self.threads) < 1:
            found = f"--workers {self.workers} --threads {self.threads}"
            raise ConfigurationError(f"{found}: a session takes at least one of each", "give 1 or more")

    def command(self, folder: Path) -> str:
        """What continues a study with the same means.

        Example:
            >>> Means(bank=True, threads=2, data=Path("my data")).command(Path("studies/xor"))
            "fpt study run studies/xor --bank --threads 2 --data 'my data'"
        """
        usual = type(self)(workers=self.workers)
        counts = {"threads"} if self.bank else set[str]()  # they are part of what a bank's cells are
        words = ["fpt", "study", "run", str(folder), *(["--bank"] if self.bank else [])]
        for name in ("engine", "address", "threads", "data"):
            if name in counts or getattr(self, name) != getattr(usual, name):
                words += [f"--{name}", str(getattr(self, name))]
        if self.workers > 1:
            words += ["--workers", str(self.workers)]
        return shlex.join(words)

    def hands(self, study: Study) -> Workers:
        """The workers.

        Raises:
            ConfigurationError: Several of them, or other machines, without Ray.
        """
        if self.engine == "ray":
            from fpt_plugins.study.ray_workers import RayWorkers

            return RayWorkers(self.workers, self.threads, study.stopping.cell_seconds, self.address)
        if self.workers > 1 or self.address is not None:
            raise ConfigurationError("the local engine trains one cell at a time, here", "add --engine ray")
        return LocalWorkers(study.stopping.cell_seconds)


def run_study(study: Study, folder: Path, means: Means, console: Console, *, retry: bool = False) -> None:
    """Trains what is missing of a study, and prints where it stands.

    Args:
        study: The study.
        folder: Where it is kept.
        means: What trains.
        console: Where progress is printed.
        retry: Give what was marked as failed its attempts anew.

    Raises:
        FptError: The study is wrong, or another process works in its folder.
        KeyboardInterrupt: Ctrl-C; what was under way is saved.
    """
    with grid_progress(console) as watcher:
        session = StudyRun(
            study=study,
            folder=folder,
            workers=means.hands(study),
            engine=means.engine,
            threads=means.threads,
            bank=means.bank,
            data=means.data,
            watcher=watcher,
        )
        try:
            session.run(retry=retry)
        except KeyboardInterrupt:
            console.print(f"stopped; continue with: {means.command(folder)}")
            raise
    console.print(status_table(read_results(folder)))
