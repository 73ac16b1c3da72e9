"""L2, data that is not what it should be: refused by name and place, or read; never anything else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_plugins.errors import FptError, InputError, PluginError
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

CUTS, FLIPS = 8, 50
HOSTILE: tuple[Any, ...] = (
    None, True, 7, -1.5, float("nan"), "", "?", "\x00\ud800", [], [[]], [None], {}, {"": 0}, [{}],
    {"id": 1}, 10**400,
)  # fmt: skip
"""JSON values (and a number beyond every float) that are hardly a sample of any task."""

FOREIGN = {"noise": random.Random(1).randbytes(4096), "empty": b"", "words": b"no such thing\n" * 3}
"""Files of no modality."""


def check_lengths(plugin: Subject) -> None:
    """Samples of no, one, the most and too many tokens become sequences or an InputError."""
    from fpt_plugins.data import tokenize

    tried = 0
    for task in plugin.tasks:
        dataset: Any = task.split("validation")
        for sample in _resized(dataset[0][0], task.sequence.max_length):
            tried += 1
            try:
                tokenize(plugin.plugins(task), task, [sample])
            except InputError:
                continue
            except PluginError as error:
                raise ContractBroken(
                    f"{task.name}: a sample of length {len(sample)}: {error.message}", "raise InputError"
                ) from error
    if not tried:
        raise NotApplicable("no task has samples that are sequences themselves")


def _resized(sample: Any, longest: int) -> Iterator[Any]:
    if isinstance(sample, str | list | tuple):
        times = longest // max(1, len(sample)) + 2
        yield from (sample[:0], sample[:1], (sample * times)[:longest], (sample * times)[: longest + 1])
    elif isinstance(sample, np.ndarray) and sample.ndim:
        times = longest // max(1, len(sample)) + 2
        repeated = np.concatenate([sample] * times)
        yield from (sample[:0], sample[:1], repeated[:longest], repeated[: longest + 1])


def check_json_samples(plugin: Subject) -> None:
    """``parse`` makes samples of JSON, and refuses by an InputError what is none."""
    from fpt_plugins.data import tokenize

    for task in plugin.tasks:
        values = [*HOSTILE, *_spoiled(plugin.declaration(task.name).sample)]
        for value in values:
            try:
                tokenize(plugin.plugins(task), task, [task.parse(value)])
            except InputError:
                continue
            except Exception as error:
                raise ContractBroken(
                    f"{task.name}: {value!r:.60} as JSON raises {type(error).__name__}: {error}",
                    "raise InputError for what is no sample",
                ) from error
        sample = plugin.declaration(task.name).sample
        if sample is not None:
            tokenize(plugin.plugins(task), task, [task.parse(sample)])


def _spoiled(sample: Any) -> Iterator[Any]:
    """A good sample with each of its parts in turn replaced by hostile values, and with a part too many."""
    if isinstance(sample, dict):
        yield {**sample, "no such field": 1}
        for key in sample:
            yield from ({**sample, key: value} for value in HOSTILE)
            yield from ({**sample, key: value} for value in _spoiled(sample[key]))
    elif isinstance(sample, list) and sample:
        yield from ([value, *sample[1:]] for value in HOSTILE)


def check_damaged_files(plugin: Subject) -> None:
    """Damaged files are read or refused: no other error, no crash, no hang, no bomb."""
    for task, file in _declared_files(plugin):
        folder = plugin.folder / "damaged" / task.name
        for name, content in _damaged(file.read_bytes()):
            _write(folder / f"{name}{file.suffix}", content)
        for flags in ((), ("-O",)):
            for name, (kind, message, _) in _read(plugin, task, folder, flags).items():
                if kind == "PluginError" or not kind:
                    raise ContractBroken(f"{task.name}: read of {name}: {message}", "raise InputError")
        _check_whole(task, file)


def _check_whole(task: Task, file: Path) -> None:
    try:
        if not list(task.read(file)):
            raise ContractBroken(f"{task.name}: {file.name} holds no sample")
    except InputError as error:
        raise ContractBroken(f"{task.name} refuses its own {file.name}: {error.message}") from error


def _damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Damaged forms of a file, each with a name that sorts by kind."""
    generator = random.Random(0)
    for cut in range(CUTS):
        yield f"cut-{cut}", content[: len(content) * cut // CUTS]
    for number in range(FLIPS):
        place = generator.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= 1 << generator.randrange(8)
        yield f"flip-{number:02}", bytes(flipped)
    yield "magic", b"\x89\x00\xff\xfe" + content[4:]
    yield "noise", generator.randbytes(4096)
    yield "spaces", b" " * 4096
    yield "twice", content + content[::-1]


def check_errors_name_the_place(plugin: Subject) -> None:
    """What is refused while a file is read is refused with the file's name."""
    for task, file in _declared_files(plugin):
        folder = plugin.folder / "foreign" / task.name
        for name, content in FOREIGN.items():
            _write(folder / f"{name}{file.suffix}", content)
        refused = _read(plugin, task, folder).items()
        for name, (kind, message, where) in refused:
            if kind == "InputError" and name not in where:
                raise ContractBroken(
                    f"{task.name}: the refusal of {name} does not name it: {message}",
                    'InputError(..., where=f"{path}, line {number}")',
                )
        if not any(kind == "InputError" for _, (kind, *_) in refused):
            raise ContractBroken(f"{task.name} reads noise, words and an empty file and refuses none")


def check_reading_runs_no_code(plugin: Subject) -> None:
    """Reading data runs no code that the data hold, starts no process and writes only under the data root."""
    _ = plugin.tasks
    for task, events in ask("events_while_reading", plugin.name).items():
        if events:
            raise ContractBroken(
                f"{task}: reading its splits raises the audit events {'; '.join(events[:3])}",
                "read pickles by fpt_plugins.unpickle_plain_values; evaluate nothing",
            )


def _declared_files(plugin: Subject) -> list[tuple[Task, Path]]:
    found = [
        (plugin.task(name), declaration.file)
        for name, declaration in plugin.declarations.items()
        if declaration.file is not None
    ]
    if not found:
        raise NotApplicable(f"{plugin.name} declares no small file that its tasks read")
    return found


def _read(
    plugin: Subject, task: Task, folder: Path, flags: tuple[str, ...] = ()
) -> dict[str, tuple[str, str, str]]:
    try:
        found: dict[str, tuple[str, str, str]] = ask(
            "outcomes_of_reading", plugin.name, task.name, str(folder), flags=flags, seconds=20.0
        )
    except FptError as error:
        raise ContractBroken(f"{task.name}: reading damaged files: {error.message}") from error
    return found


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
