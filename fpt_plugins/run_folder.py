"""A run's folder: what was asked, the rows of its metrics, its checkpoints, its adapter, its record."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError
from fpt_plugins.formats import stamped
from fpt_plugins.metric_rows import METRICS, read_rows, row_line
from fpt_plugins.resuming import continued
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import exclusive, sealed, sweep, write_file

FORMAT = 1
RUN, ADAPTER = "run.json", "adapter"


@attrs.frozen
class _Begun:
    configuration: dict[str, Any]
    facts: dict[str, Any]


@attrs.frozen
class RunFolder:
    """One run's place on disk.

    Args:
        path: The folder.
        configuration: What was asked when the run began, and what a resumed one was given anew.
        facts: What it was begun on: plugins, the body's digest. A resumed run must find the same.
        begun: What was asked when a resumed run began.
    """

    path: Path
    configuration: Configuration
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    begun: Configuration | None = attrs.field(default=None, eq=False)

    @classmethod
    def open(
        cls,
        configuration: Configuration,
        out: str | Path | None,
        *,
        resume: bool,
        given: Mapping[str, Any],
        facts: Mapping[str, Any] | None = None,
    ) -> Self:
        """A new folder, or that of a run to continue.

        Args:
            configuration: What is asked now.
            out: The folder; named after the settings below ``runs/`` where it is ``None``.
            resume: Continue the run that is there.
            given: The settings that were given by the user: on resuming they must agree.
            facts: What a new run is begun on.

        Raises:
            FptError: The folder is there already, or there is no run in it to continue.
            ConfigurationError: The run in it was begun with other settings.
        """
        path = run_path(configuration, out, fresh=not resume)
        if resume:
            return cls._resume(path, configuration, given)
        return cls._create(path, configuration, facts or {})

    @classmethod
    def _create(cls, path: Path, configuration: Configuration, facts: Mapping[str, Any]) -> Self:
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            go_on, remove = f"continue it with --resume --out {path}", "remove it, for no run has begun there"
            remedy = f"{go_on if (path / RUN).is_file() else remove}, or give another --out"
            raise FptError(f"the folder {path} is there already", remedy) from error
        except OSError as error:
            raise FptError(
                f"the folder {path} cannot be made: {error.strerror}", "give another --out"
            ) from error
        with writing(f"the run's settings in {path}", "make room, or give another --out"):
            begun_with = {"configuration": configuration.to_json(), "facts": facts}
            write_file(path / RUN, sealed(stamped(begun_with, FORMAT)))
        return cls(path, configuration, facts)

    @classmethod
    def _resume(cls, path: Path, configuration: Configuration, given: Mapping[str, Any]) -> Self:
        if not (path / RUN).is_file():
            raise FptError(
                f"there is no run to resume in {path}",
                "name the folder of one that was begun with --out, or begin one without --resume",
            )
        begun = read_sealed_as(_Begun, path / RUN, "beginning of a run", FORMAT)
        try:
            stored = Configuration.from_json(begun.configuration)
        except FptError as error:
            raise ConfigurationError(f"{path / RUN}: {error.message}", error.remedy) from error
        return cls(path, continued(path, stored, configuration, given), begun.facts, stored)

    @property
    def adapter(self) -> Path:
        """Where the adapter is put when the run is over."""
        return self.path / ADAPTER

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process out of the folder, and sweeps what dead writers left in it.

        Raises:
            FptError: Another process trains in it.
        """
        with exclusive(self.path):
            sweep(self.path)
            yield

    def check(self, facts: Mapping[str, Any]) -> None:
        """Compares what the run was begun on with what is here now.

        Raises:
            IntegrityError: The body or a plugin is another one; it is named.
        """
        for name, begun in self.facts.items():
            if facts.get(name) != begun:
                raise IntegrityError(
                    f"the run in {self.path} was begun with {name} {begun}; here it is {facts.get(name)}",
                    "put back what it was begun with, or begin a new run",
                )

    def discard(self) -> None:
        """Removes a folder in which nothing has begun."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def appending(self) -> Iterator[Callable[[Mapping[str, Any]], object]]:
        """A function that adds a row to ``metrics.jsonl``: a killed process has lost none when it returns."""
        with (self.path / METRICS).open("ab", buffering=0) as file:

            def append(row: Mapping[str, Any]) -> None:
                line = row_line(row)
                if file.write(line) != len(line):  # what was left of the disk; the next write would say so
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            yield append

    def seal_rows(self) -> str:
        """Forces the rows to disk, before a checkpoint counts on them; their SHA-256."""
        with (self.path / METRICS).open("rb") as file:
            os.fsync(file.fileno())
            return hashlib.file_digest(file, "sha256").hexdigest()

    def rows(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``, a last half-written one left out.

        Raises:
            IntegrityError: Another line is no JSON; it is named.
        """
        return read_rows(self.path / METRICS)

    def check_not_begun(self, *, aligned: bool) -> None:
        """Refuses a run without a checkpoint whose rows say that there was one.

        Args:
            aligned: Whether the first checkpoint precedes the first step, and not the first look.

        Raises:
            IntegrityError: There are rows of steps that were taken after the first checkpoint.
        """
        rows = self.rows()
        looks = [0] if aligned else [row["step"] for row in rows if row["split"] == "validation"]
        if looks and rows and rows[-1]["step"] > looks[0]:
            raise IntegrityError(
                f"{self.path} has rows up to step {rows[-1]['step']}, and its checkpoints are missing",
                "put them back, resume from another copy of the run, or train again",
            )

    def keep_rows(self, step: int, sha256: str | None = None, *, writes: bool = True) -> list[dict[str, Any]]:
        """Drops the rows after ``step``, which are about to be written again, and returns the others.

        Args:
            step: The last to keep.
            sha256: What :meth:`seal_rows` gave there; compared where it is given.
            writes: Whether the file is changed, too.

        Raises:
            IntegrityError: Rows up to that step are missing, or are not those that were written.
        """
        rows = [row for row in self.rows() if row["step"] <= step]
        kept = b"".join(map(row_line, rows))
        if sha256 is not None and hashlib.sha256(kept).hexdigest() != sha256:
            raise IntegrityError(
                f"{self.path / METRICS} has not the rows that were written up to step {step}",
                "put them back, resume from another copy of the run, or train again",
            )
        if writes:
            write_file(self.path / METRICS, kept)
        return rows


@contextmanager
def writing(what: str, remedy: str) -> Iterator[None]:
    """Inside, what cannot be written is an error that says so.

    Args:
        what: Is being written, and where.
        remedy: What to do.

    Raises:
        FptError: The disk is full, the folder is read-only ...
    """
    try:
        yield
    except OSError as error:
        raise FptError(f"{what} cannot be written: {error.strerror or error}", remedy) from error


def run_path(configuration: Configuration, out: str | Path | None, *, fresh: bool) -> Path:
    """The folder that was asked for, else ``runs/bits-xor_minilm_fpt_seed0``.

    Args:
        configuration: What is asked.
        out: The folder that was asked for.
        fresh: A new one, with ``-2``, ``-3`` where that name is taken; else the newest of them.
    """
    if out is not None:
        return Path(out)
    words = (configuration.task, configuration.backbone, configuration.init or "", configuration.train)
    name = "_".join(filter(None, [*words, f"seed{configuration.seed}"]))
    plain = "".join(letter if letter.isalnum() or letter in "-_.," else "-" for letter in name)
    places = (Path("runs") / (plain if n == 1 else f"{plain}-{n}") for n in itertools.count(1))
    if fresh:
        return next(place for place in places if not place.exists())
    taken = list(itertools.takewhile(Path.exists, places))
    return taken[-1] if taken else Path("runs") / plain
