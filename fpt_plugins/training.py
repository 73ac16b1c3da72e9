"""A run from its settings to its record: its folder, its lock, its loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.optimizer import check_rates
from fpt_plugins.processes import Launched
from fpt_plugins.record import RECORD, RunRecord, read_record
from fpt_plugins.run_folder import RunFolder, run_path
from fpt_plugins.streams import preserved_generators
from fpt_plugins.training_loop import Training


def train(task: str, *, out: str | Path | None = None, resume: bool = False, **settings: Any) -> RunRecord:
    """Trains a task on a frozen body and saves the adapter of the best validation step.

    Args:
        task: ``plugin/task``.
        out: The run's folder; named after the settings below ``runs/`` where it is not given.
        resume: Continue the run in that folder.
        settings: Fields of :class:`fpt_plugins.Configuration`: ``backbone``, ``lr``, ``steps`` ...

    Returns:
        The run's record; its folder holds the adapter, the record and the metrics.

    Raises:
        UnknownName: A name that nothing provides.
        ConfigurationError: Settings that do not go together.
        FrozenError: A frozen tensor changed.
        NonFiniteError: The loss or the gradient is not a finite number.

    Example:
        >>> record = train("bits/xor", backbone="gpt2-mini", init="random", steps=1200)  # doctest: +SKIP
        >>> record.evaluations["validation"].metrics["accuracy"]  # doctest: +SKIP
        1.0
    """
    done = finished(task, out, settings) if resume else None
    if done is not None:
        return done
    with preserved_generators(), open_training(task, out, resume=resume, settings=settings) as training:
        for _ in training.rows():
            pass
        return training.finish()


def finished(task: str, out: str | Path | None, settings: Mapping[str, Any]) -> RunRecord | None:
    """The record of the run that would be resumed, where there is nothing left to do."""
    configuration = Configuration.of(task, **settings)
    path = run_path(configuration, out, fresh=False)
    if not (path / RECORD).is_file():
        return None
    RunFolder.open(configuration, path, resume=True, given=settings)  # refuses other settings
    return read_record(path)


@contextmanager
def open_training(
    task: str, out: str | Path | None, *, resume: bool, settings: Mapping[str, Any]
) -> Iterator[Training]:
    """A run at its first step or at its newest checkpoint, its folder locked.

    What cannot begin (a wrong name, a missing file) leaves no folder behind. Of several processes
    the first makes the folder and the others join it.
    """
    configuration = Configuration.of(task, **settings)
    path = run_path(configuration, out, fresh=not resume)
    folder = RunFolder.open(configuration, path, resume=True, given=settings) if resume else None
    arm = assemble(folder.configuration if folder else configuration)
    processes = Launched(arm.precision.device)
    if folder is None and processes.leads:
        folder = RunFolder.open(arm.configuration, path, resume=False, given=settings, facts=arm.facts)
    processes.wait()
    folder = folder or RunFolder.open(configuration, path, resume=True, given={})
    folder.check(arm.facts)
    with folder.lock() if processes.leads else nullcontext():
        try:
            training = Training(arm, folder, processes)
            check_rates(training.arm, settings.get("group_lr") or {})
        except BaseException:
            if not resume and processes.leads:
                folder.discard()
            raise
        try:
            yield training
        finally:
            training.close()
