"""A run's folder: what was asked, the rows of its metrics, its checkpoints, its adapter, its record."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import attrs
import filelock

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError
from fpt_plugins.storage import read_sealed, sealed, sweep, write_file

RUN, METRICS, ADAPTER, LOCK = "run.json", "metrics.jsonl", "adapter", ".lock"
_MAY_DIFFER = {"data", "device"}
"""Settings that a resumed run may be given anew: they say where, not what."""


@attrs.frozen
class RunFolder:
    """One run's place on disk.

    Args:
        path: The folder.
        configuration: What was asked when the run began.
    """

    path: Path
    configuration: Configuration

    @classmethod
    def open(
        cls, configuration: Configuration, out: str | Path | None, *, resume: bool, given: Mapping[str, Any]
    ) -> Self:
        """A new folder, or that of a run to continue.

        Args:
            configuration: What is asked now.
            out: The folder; named after the settings below ``runs/`` where it is ``None``.
            resume: Continue the run that is there.
            given: The settings that were given by the user: on resuming they must agree.

        Raises:
            FptError: The folder is there already, or there is no run in it to continue.
            ConfigurationError: The run in it was begun with other settings.
        """
        path = Path(out) if out is not None else _default_path(configuration, fresh=not resume)
        return cls._resume(path, configuration, given) if resume else cls._create(path, configuration)

    @classmethod
    def _create(cls, path: Path, configuration: Configuration) -> Self:
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            remedy = f"continue it with --resume --out {path}, or give another --out"
            raise FptError(f"the folder {path} is there already", remedy) from error
        except OSError as error:
            raise FptError(
                f"the folder {path} cannot be made: {error.strerror}", "give another --out"
            ) from error
        write_file(path / RUN, sealed({"configuration": configuration.to_json()}))
        return cls(path, configuration)

    @classmethod
    def _resume(cls, path: Path, configuration: Configuration, given: Mapping[str, Any]) -> Self:
        if not (path / RUN).is_file():
            raise FptError(f"there is no run to resume in {path}", "name its folder with --out")
        stored = Configuration.from_json(read_sealed(path / RUN)["configuration"])
        named = {name for name, value in given.items() if value is not None}
        for name in ("task", *sorted(named - _MAY_DIFFER)):
            asked, begun = getattr(configuration, name), getattr(stored, name)
            if _spelled(asked) != _spelled(begun):
                raise ConfigurationError(f"the run in {path} was begun with {name} {begun}, not {asked}")
        here = {name: getattr(configuration, name) for name in named & _MAY_DIFFER}
        return cls(path, attrs.evolve(stored, **here))

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
        try:
            held = filelock.FileLock(self.path / LOCK, blocking=False).acquire()
        except filelock.Timeout as error:
            raise FptError(
                f"another process trains in {self.path}", "wait for it, or give another --out"
            ) from error
        with held:
            sweep(self.path)
            yield

    def discard(self) -> None:
        """Removes a folder in which nothing has begun."""
        shutil.rmtree(self.path, ignore_errors=True)

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds one row to ``metrics.jsonl``."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``, a last half-written one left out.

        Raises:
            IntegrityError: Another line is no JSON; it is named.
        """
        try:
            lines = (self.path / METRICS).read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [self._row(*numbered) for numbered in enumerate(lines, start=1) if numbered[1].endswith("\n")]

    def _row(self, number: int, line: str) -> dict[str, Any]:
        try:
            row: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise IntegrityError(f"{self.path / METRICS}, line {number} is damaged: {error}") from error
        return row

    def keep_rows(self, step: int) -> None:
        """Drops the rows after ``step``: they are about to be written again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        write_file(self.path / METRICS, "".join(json.dumps(row) + "\n" for row in kept).encode())


def _spelled(value: Any) -> Any:
    """A setting as it is written on a command line: an option ``20`` and the word ``"20"`` are the same."""
    return {key: str(item).lower() for key, item in value.items()} if isinstance(value, Mapping) else value


def _default_path(configuration: Configuration, *, fresh: bool) -> Path:
    """``runs/bits-xor_minilm_pretrained_fpt_seed0``; with ``-2``, ``-3`` where that is taken."""
    words = (configuration.task, configuration.backbone, configuration.init or "", configuration.train)
    name = "_".join(filter(None, [*words, f"seed{configuration.seed}"]))
    plain = "".join(letter if letter.isalnum() or letter in "-_.," else "-" for letter in name)
    places = (Path("runs") / (plain if n == 1 else f"{plain}-{n}") for n in itertools.count(1))
    if fresh:
        return next(place for place in places if not place.exists())
    taken = list(itertools.takewhile(Path.exists, places))
    return taken[-1] if taken else Path("runs") / plain
