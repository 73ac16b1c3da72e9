"""A split's tokens from an earlier run, where they are the same: tokenized once, read by all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from fpt_plugins.cache_folder import cache_folder
from fpt_plugins.data import Samples, TokenizedSplit, data_set, read_split, tokenized
from fpt_plugins.errors import IntegrityError
from fpt_plugins.token_file import StoredTokens, open_tokens, write_tokens
from fpt_plugins.token_key import token_key
from fpt_plugins.tokens import HeldTokens, Tokens

if TYPE_CHECKING:
    from fpt_plugins.plugins import Plugins
    from fpt_plugins.task import SplitName, Task


HELD_BYTES = 1 << 28
"""Tokens of up to this size are read into memory whole.

There a batch of 16 takes 0.1 ms and from the file 1 ms (measured on a busy machine, interleaved):
nothing beside a step of a body, and as long as a step of the head alone.
"""


def open_split(plugins: Plugins, task: Task, name: SplitName, seed: int) -> Samples:
    """A split of a task, ready to be drawn from; tokenized where no earlier run has done so.

    Its tokens are kept as HDF5 under ``tokens`` in the cache's folder, and where they are larger
    than ``HELD_BYTES`` read from there a batch at a time. Fresh samples are not kept, nor what a
    wrapper may have changed, nor the tokens of a task that does not say which files it reads
    (:meth:`fpt_plugins.Task.files`): these are held in memory. Whatever is wrong with the cache
    costs another tokenization and no more.

    Raises:
        InputError: As :func:`fpt_plugins.data.read_split`.
    """
    if name in task.fresh or plugins.wrappers or task.files(name) is None:
        return read_split(plugins, task, name, seed)
    key = token_key(plugins.owner, task, name)
    found = _found(task, name, key) if key else None
    if found is None:
        found = _made(plugins, task, name, key)
    return read_split(plugins, task, name, seed) if found is None else TokenizedSplit(task, _near(found))


def _near(stored: StoredTokens) -> Tokens:
    arrays = stored.values, stored.lengths, stored.targets
    if sum(array.nbytes for array in arrays) > HELD_BYTES:
        return stored
    return HeldTokens(*(array[:] for array in arrays))


def _found(task: Task, name: SplitName, key: str) -> StoredTokens | None:
    with suppress(FileNotFoundError):
        try:
            return open_tokens(_place(task, name, key), key)
        except IntegrityError as error:
            _say(f"the kept tokens of {task.name} {name} are made anew: {error.message}")
    return None


def _made(plugins: Plugins, task: Task, name: SplitName, key: str | None) -> StoredTokens | None:
    parts = tokenized(plugins, task, data_set(task, name), name)
    key = key or token_key(plugins.owner, task, name)  # what was missing was fetched or generated
    if key is None:
        return None
    try:
        write_tokens(_place(task, name, key), key, parts)
        return open_tokens(_place(task, name, key), key)
    except (OSError, IntegrityError) as error:
        _say(f"the tokens of {task.name} {name} are not kept: {error}")
        return None


def _place(task: Task, name: SplitName, key: str) -> Path:
    plugin, _, rest = task.name.partition("/")
    return cache_folder() / "tokens" / plugin / f"{rest}-{name}-{key[:16]}.h5"


def _say(message: str) -> None:
    Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(message)
