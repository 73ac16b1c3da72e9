"""L2, samples that are not what they should be: refused, or read; never anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_plugins.errors import InputError, PluginError
from fpt_plugins.sequence import TokenIds
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

HOSTILE: tuple[Any, ...] = (
    None, True, 7, -1.5, float("nan"), float("inf"), "", "?", "\x00\ud800", [], [[]], [None], {}, {"": 0},
    [{}], {"id": 1}, 10**400,
)  # fmt: skip
"""JSON values (and a number beyond every float) that are hardly a sample of any task."""


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
        sample = plugin.declaration(task.name).sample
        for value in [*HOSTILE, *_spoiled(sample)]:
            try:
                tokenize(plugin.plugins(task), task, [task.parse(value)])
            except InputError:
                continue
            except Exception as error:
                raise ContractBroken(
                    f"{task.name}: {value!r:.60} as JSON raises {type(error).__name__}: {error}",
                    "raise InputError for what is no sample",
                ) from error
        _check_foreign_symbols(plugin, task, sample)
        if sample is not None:
            tokenize(plugin.plugins(task), task, [task.parse(sample)])


def _check_foreign_symbols(plugin: Subject, task: Task, sample: Any) -> None:
    """A symbol that is none, in a word that the vocabulary spells, is not dropped or taken for another."""
    symbols = set(task.sequence.vocabulary) if isinstance(task.sequence, TokenIds) else set()
    for key, word in sample.items() if isinstance(sample, dict) else ():
        if isinstance(word, str) and word and set(word) <= symbols:
            begun = word[:-1]
            spelled = [f"{begun}{symbol}" for symbol in symbols if len(symbol) == 1]
            known = [_tokens(plugin, task, {**sample, key: each}) for each in (begun, *spelled)]
            found = _tokens(plugin, task, {**sample, key: f"{begun}\N{SNOWMAN}"})
            if found is not None and found in known:
                raise ContractBroken(
                    f"{task.name} takes a symbol that is none for another: {key} with a snowman in it",
                    "raise InputError, with the symbol and its place",
                )


def _tokens(plugin: Subject, task: Task, value: Any) -> list[Any] | None:
    """The tokens of a JSON value; ``None`` where it is refused."""
    from fpt_plugins.data import tokenize

    try:
        tokens: list[Any] = tokenize(plugin.plugins(task), task, [task.parse(value)]).values.tolist()
    except InputError:
        return None
    return tokens


def _spoiled(sample: Any) -> Iterator[Any]:
    """A good sample with each of its parts in turn replaced by hostile values, and with a part too many."""
    if isinstance(sample, dict):
        yield {**sample, "no such field": 1}
        for key in sample:
            yield from ({**sample, key: value} for value in HOSTILE)
            yield from ({**sample, key: value} for value in _spoiled(sample[key]))
    elif isinstance(sample, list) and sample:
        yield from ([value, *sample[1:]] for value in HOSTILE)
