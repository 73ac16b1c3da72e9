"""Answers for the user's own data: files of the modality, or JSON lines."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from fpt_plugins.errors import FptError, InputError, PluginError, UnknownName

if TYPE_CHECKING:
    from fpt_plugins.task import Task

BATCH = 64

LONGEST_LINE = 1 << 26
"""Characters of one sample in JSON."""


def read_files(task: Task, paths: Iterable[Path]) -> Iterator[tuple[str, Any]]:
    """The samples of the user's files as ``(identifier, sample)``; ``.jsonl`` files are JSON lines.

    Raises:
        InputError: A file is missing or is not of this modality.
    """
    for path in paths:
        if not path.exists():
            raise InputError("there is no such file", "give files of the modality", where=str(path))
        if path.suffix == ".jsonl":
            with path.open(encoding="utf-8-sig") as file:
                yield from read_lines(task, file, str(path))
        else:
            with _plugin_errors(task, str(path)):
                yield from task.read(path)


@contextmanager
def _plugin_errors(task: Task, where: str) -> Iterator[None]:
    """An exception of a plugin's own reader, with the plugin and the place in place of a traceback."""
    try:
        yield
    except (FptError, OSError, GeneratorExit):
        raise
    except Exception as error:
        plugin = task.name.partition("/")[0]
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{where}: the plugin {plugin} failed to read it: {reason}") from error


def read_lines(task: Task, lines: TextIO, name: str) -> Iterator[tuple[str, Any]]:
    """The samples of JSON lines. An object's own ``"id"`` names it, else its line does.

    Raises:
        InputError: A line is no JSON, or its value is no sample of the task; the line is named.
    """
    return _read_lines(lines, name, functools.partial(_parse, task))


def read_addressed_lines(tasks: Mapping[str, Task], lines: TextIO, name: str) -> Iterator[tuple[str, Any]]:
    """The samples of JSON lines that say whose they are: ``{"adapter": "xor", "sample": ...}``.

    Args:
        tasks: Each adapter's task, by the adapter's name.
        lines: Objects with ``"adapter"``, ``"sample"`` and, where wanted, ``"id"``.
        name: Of the source, for messages.

    Returns:
        Identifiers, each with the adapter's name and the sample.

    Raises:
        InputError: A line is no such object, names no adapter, or its sample is none of the adapter's
            task; the line is named.
    """
    return _read_lines(lines, name, functools.partial(_parse_addressed, tasks))


def _read_lines(lines: TextIO, name: str, parse: Callable[[Any, str], Any]) -> Iterator[tuple[str, Any]]:
    number = 0
    try:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), ""), start=1):
            if len(line) == LONGEST_LINE:
                message = f"a line of {LONGEST_LINE:,} characters or more"
                raise InputError(message, "write a sample per line", where=f"{name}, line {number}")
            if line.strip():
                yield _read_line(line, f"{name}, line {number}", str(number), parse)
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8: {error.reason}", "write it in UTF-8", where=f"{name}, after line {number}"
        ) from error


def _read_line(line: str, where: str, number: str, parse: Callable[[Any, str], Any]) -> tuple[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", "write one JSON value per line", where=where) from error
    named = isinstance(value, dict) and "id" in value
    identifier = str(value.pop("id")) if named else number
    try:
        return identifier, parse(value, where)
    except InputError as error:
        raise InputError(error.message, error.remedy, where=where) from error


def _parse(task: Task, value: Any, where: str) -> Any:
    with _plugin_errors(task, where):
        return task.parse(value)


def _parse_addressed(tasks: Mapping[str, Task], value: Any, where: str) -> tuple[str, Any]:
    if not isinstance(value, dict) or value.keys() != {"adapter", "sample"}:
        raise InputError("not an object with the adapter's name and a sample", _ADDRESSED)
    adapter = str(value["adapter"])
    if adapter not in tasks:
        unknown = UnknownName("adapter", adapter, tasks)
        raise InputError(unknown.message, unknown.remedy)
    return adapter, _parse(tasks[adapter], value["sample"], where)


_ADDRESSED = 'write {"adapter": NAME, "sample": SAMPLE}, and "id" where wanted'


class Predictor(Protocol):
    """What answers samples: an arm, or a bank for samples with their adapters' names."""

    def predict(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """The answer to each sample."""
        ...


def predict(arm: Predictor, samples: Iterable[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """One answer per sample, in order, each with the sample's ``id``.

    A record that its reader gave as an :class:`fpt_plugins.InputError` is answered by
    ``{"id": ..., "rejected": reason}``.

    Raises:
        InputError: A sample is no sequence of the task; it is named by its identifier.
    """
    remaining = iter(samples)
    while chunk := list(itertools.islice(remaining, BATCH)):
        answers = iter(_answers(arm, [each for each in chunk if not isinstance(each[1], InputError)]))
        for identifier, sample in chunk:
            rejected = isinstance(sample, InputError)
            yield {"id": identifier, **({"rejected": sample.message} if rejected else next(answers))}


def _answers(arm: Predictor, chunk: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    try:
        return arm.predict([sample for _, sample in chunk])
    except InputError as error:
        if len(chunk) > 1:  # one by one, to find the sample's own name
            return [answer for sample in chunk for answer in _answers(arm, [sample])]
        reason = error.message.removeprefix(f"{error.where}: ")
        raise InputError(reason, error.remedy, where=f"sample {chunk[0][0]}") from error
