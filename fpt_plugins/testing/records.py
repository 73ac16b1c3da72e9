"""L2, counting: every record is used, or left out and counted; what is refused is refused by its place."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.task import SPLITS
from fpt_plugins.testing.reading import Outcome, declared_files, read_in_a_fresh_process, write
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

FOREIGN = {"noise": random.Random(1).randbytes(4096), "empty": b"", "words": b"no such thing\n" * 3}
"""Files of no modality."""

SPOILED = "?! no record ?!"
"""What stands in the place of a line of a text file."""


def check_every_record_is_counted(plugin: Subject) -> None:
    """Records in = used + left out or rejected, and what is refused names its file and its place in it."""
    counted = [_count(plugin, task) for task in plugin.tasks]
    try:
        files = declared_files(plugin)
    except NotApplicable as error:
        if any(counted):
            return
        raise NotApplicable(f"{error}, nor how many records their data have") from error
    for task, file in files:
        _check_foreign(plugin, task, file)
        _check_spoiled(plugin, task, file)


def _count(plugin: Subject, task: Task) -> bool:
    """Whether the task declares how many records its source has; they are counted then."""
    declared = plugin.declaration(task.name).records
    if declared is None:
        return False
    splits: list[Any] = [task.split(name) for name in SPLITS]
    used = sum(len(split) for split in splits)
    left_out = sum(sum(task.left_out(name).values()) for name in SPLITS)
    if used + left_out != declared:
        raise ContractBroken(
            f"{task.name}: of {declared:,} records {used:,} are used and {left_out:,} left out",
            "count what is left out: Task.left_out",
        )
    return True


def _check_foreign(plugin: Subject, task: Task, file: Path) -> None:
    folder = plugin.folder / "foreign" / task.name
    for name, content in FOREIGN.items():
        write(folder / f"{name}{file.suffix}", content)
    outcomes = read_in_a_fresh_process(plugin, task, folder)
    for name, outcome in outcomes.items():
        if outcome.kind == "InputError" and not all(name in place for place in outcome.places):
            raise ContractBroken(
                f"{task.name}: the refusal of {name} does not name it: {outcome.message}",
                'InputError(..., where=f"{path}, line {number}")',
            )
    refused = {name.partition(".")[0] for name, outcome in outcomes.items() if outcome.places}
    if not refused & {"noise", "words"}:
        raise ContractBroken(
            f"{task.name} reads noise and words, and refuses neither", "make no sample of what is none"
        )
    _check_names(task, file)


def _check_names(task: Task, file: Path) -> None:
    names = [identifier for identifier, _ in task.read(file)]
    if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise ContractBroken(
            f"{task.name}: two samples of {file.name} have one identifier, or one has none",
            "name each by its record or its line: answers are told apart by it",
        )


def _check_spoiled(plugin: Subject, task: Task, file: Path) -> None:
    """A text file with one line that is no record: refused there, rejected there, or read as a sample."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    if len(lines) < 3:
        return
    folder, whole = plugin.folder / "spoiled" / task.name, len(list(task.read(file)))
    places = {"second": 2, "middle": len(lines) // 2 + 1, "last": len(lines)}
    numbers = {f"{word}{file.suffix}": number for word, number in places.items()}
    for name, number in numbers.items():
        write(folder / name, "\n".join([*lines[: number - 1], SPOILED, *lines[number:], ""]).encode())
    for name, outcome in read_in_a_fresh_process(plugin, task, folder).items():
        _check_told(task, name, numbers[name], outcome, whole)


def _check_told(task: Task, name: str, number: int, outcome: Outcome, whole: int) -> None:
    if not outcome.places and outcome.samples < whole:
        raise ContractBroken(
            f"{task.name}: line {number} of a file is no record, and is passed over without a word",
            "raise InputError, or yield it in the sample's place",
        )
    for place in outcome.places:
        where = place.partition(name)[2]
        if "record" not in where and str(number) not in re.findall(r"\d+", where):
            raise ContractBroken(
                f"{task.name}: line {number} of a file is no record, and is refused at {place!r}",
                'InputError(..., where=f"{path}, line {number}")',
            )
