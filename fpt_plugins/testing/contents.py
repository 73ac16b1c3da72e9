"""L2, data: the same every time, apart between splits, and whole however they are read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from fpt_plugins import options
from fpt_plugins.task import SPLITS, SplitName
from fpt_plugins.testing.drawing import contents, digest, draw, open_split
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.probes import item_digest
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

LOOKED_AT = 32


def check_same_seed_same_data(plugin: Subject) -> None:
    """Every process reads the same samples, whatever PYTHONHASHSEED is; another data_seed, others."""
    tasks = plugin.tasks
    elsewhere = ask("content_digests", plugin.name, PYTHONHASHSEED=_another_hash_seed())
    for task in tasks:
        here = digest(contents(plugin, task))
        if elsewhere[task.name] != here:
            raise ContractBroken(
                f"{task.name} has other samples in another process", "take no order from a set or from hash()"
            )
        if "data_seed" in attrs.fields_dict(type(task)):
            other = plugin.task(task.name, data_seed=options.values(task)["data_seed"] + 1)
            if digest(contents(plugin, other)) == here:
                raise ContractBroken(f"{task.name} has the same samples with another data_seed")


def _another_hash_seed() -> str:
    return "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"


def check_splits_are_disjoint(plugin: Subject) -> None:
    """No sequence of tokens stands in two splits."""
    for task in plugin.tasks:
        found = {split: {tokens for tokens, _ in rows} for split, rows in contents(plugin, task).items()}
        for one, other in itertools.combinations(SPLITS, 2):
            shared = len(found[one] & found[other])
            if shared:
                raise ContractBroken(
                    f"{task.name}: {shared} sequences of {one} stand in {other} too",
                    "split by content: by a digest of each sample",
                )


def check_indexing(plugin: Subject) -> None:
    """``len``, indexing from both ends and iteration agree, and what is beyond the end is an IndexError."""
    for task in plugin.tasks:
        for split in SPLITS:
            dataset: Any = task.split(split)
            size = len(dataset)
            _check_beyond(task, split, dataset, size)
            if split not in task.fresh and item_digest(dataset[-1]) != item_digest(dataset[size - 1]):
                raise ContractBroken(f"{task.name} {split}: item -1 is not item {size - 1}")
            twice = [sum(1 for _ in itertools.islice(dataset, size + 1)) for _ in range(2)]
            if twice != [size, size]:
                raise ContractBroken(f"{task.name} {split}: len is {size}, two iterations give {twice}")


def _check_beyond(task: Task, split: str, dataset: Any, size: int) -> None:
    for index in (size, -size - 1):
        try:
            dataset[index]
        except IndexError:
            continue
        except Exception as error:
            raise ContractBroken(f"{task.name} {split}: item {index} of {size} raises {error!r}") from error
        raise ContractBroken(
            f"{task.name} {split}: there is an item {index} of {size}", "raise IndexError: range(size)[index]"
        )


def check_reading_order(plugin: Subject) -> None:
    """A sample is a function of its index (and epoch, where drawn): a resumed run sees what it would have."""
    for task in plugin.tasks:
        for split in SPLITS:
            count = min(LOOKED_AT, len(open_split(plugin, task, split)))
            read = _reader(plugin, task, split)
            forward = [read(index) for index in range(count)]
            for start in (0, count // 3, 2 * count // 3):
                read = _reader(plugin, task, split)
                if any(read(index) != forward[index] for index in [*range(start, count), *range(start)]):
                    raise ContractBroken(
                        f"{task.name} {split}: reading from item {start} on gives other samples",
                        "draw each sample from a generator seeded by its index",
                    )
            if any(read(index) != forward[index] for index in range(count)):
                raise ContractBroken(f"{task.name} {split}: a second reading gives other samples")


def _reader(plugin: Subject, task: Task, split: SplitName) -> Callable[[int], Any]:
    """From an index to what tells its sample from others; drawn as the core draws it, where it is drawn."""
    if split in task.fresh:
        samples = open_split(plugin, task, split)
        return lambda index: draw(samples, [index])
    dataset: Any = task.split(split)
    return lambda index: item_digest(dataset[index])


def check_items_are_copies(plugin: Subject) -> None:
    """Writing into a sample changes nothing that is read later, and read-only samples are tokenized."""
    for task in plugin.tasks:
        plugins = plugin.plugins(task)
        for split in SPLITS:
            dataset: Any = task.split(split)
            before = None if split in task.fresh else item_digest(dataset[0])
            sample = dataset[0][0]
            if isinstance(sample, np.ndarray):
                frozen = sample.copy()
                frozen.flags.writeable = False
                plugins.tokenize(task, [frozen])
                _overwrite(sample)
            if before is not None and item_digest(dataset[0]) != before:
                raise ContractBroken(
                    f"{task.name} {split}: writing into a sample changes the data set", "return copies"
                )


def _overwrite(sample: np.ndarray[Any, Any]) -> None:
    if sample.flags.writeable:
        sample[...] = sample.dtype.type(1) - sample
