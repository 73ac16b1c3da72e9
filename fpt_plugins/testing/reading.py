"""What a task's ``read`` makes of the files of a folder, in a process that may die of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fpt_plugins.errors import FptError
from fpt_plugins.options import converter
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

SECONDS = 150.0
"""For a folder of about a hundred files."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one file.

    Args:
        kind: The class of what was raised: ``""`` where it was read to its end, ``InputError``,
            ``OSError``, or that of anything else.
        message: Of what was raised.
        places: Where the error and the rejected records say they are.
        samples: Samples that were given.
        rejected: Records that were given as an ``InputError``.
        seconds: Of processor time.
        grown: MiB by which the largest size of the process grew.
    """

    kind: str
    message: str
    places: tuple[str, ...]
    samples: int
    rejected: int
    seconds: float
    grown: float

    @property
    def is_clean(self) -> bool:
        """Whether it was read, or refused as a user should meet it; a system's own error names the file."""
        return self.kind in ("", "InputError", "OSError")

    @property
    def told(self) -> tuple[str, int, int]:
        """What a user saw of it."""
        return self.kind, self.samples, self.rejected


def read_in_a_fresh_process(
    plugin: Subject, task: Task, folder: Path, flags: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """The outcome of each file of a folder, by its name.

    Raises:
        ContractBroken: The process ended or fell silent; the file is named.
    """
    words = (plugin.name, task.name, str(folder))
    try:
        found = ask("outcomes_of_reading", *words, flags=flags, seconds=SECONDS)
    except FptError as error:
        raise ContractBroken(f"{task.name}: reading damaged files: {error.message}") from error
    return {name: converter().structure(outcome, Outcome) for name, outcome in found.items()}


def declared_files(plugin: Subject) -> list[tuple[Task, Path]]:
    """The tasks that declare a small file, with it.

    Raises:
        NotApplicable: None does.
    """
    found = [
        (plugin.task(name), declaration.file)
        for name, declaration in plugin.declared.items()
        if declaration.file is not None
    ]
    if not found:
        raise NotApplicable(f"{plugin.name} declares no small file that its tasks read")
    return found


def write(path: Path, content: bytes) -> None:
    """A file, its folder made where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
