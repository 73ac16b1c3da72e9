"""The settings of a run that is resumed, and the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError

MAY_DIFFER = {"data", "device", "workers"}
"""Settings that a resumed run may be given anew: they say where and by whom, not what."""

MAY_CHANGE = {"batch_size", "micro_batch_size"}
"""And those that are other work from there on: it is then stamped as not bitwise."""


def continued(
    path: Path, stored: Configuration, asked: Configuration, given: Mapping[str, Any]
) -> Configuration:
    """The settings of a run to continue: as it was begun, its device, data and batches as is asked now.

    Args:
        path: Its folder, for messages.
        stored: What was asked when it began.
        asked: What is asked now.
        given: The settings that were given by the user: they must agree.

    Raises:
        ConfigurationError: One does not; it is named.
    """
    named = {name for name, value in given.items() if value is not None}
    for name in ("task", *sorted(named - MAY_DIFFER - MAY_CHANGE)):
        now, begun = getattr(asked, name), getattr(stored, name)
        if not _agrees(name, now, begun):
            raise ConfigurationError(
                f"the run in {path} was begun with {name} {begun}, not {now}",
                f"{_the_same(name, begun)} to continue it as it was, or begin another run with another --out",
            )
    anew = named & (MAY_DIFFER | MAY_CHANGE)
    return attrs.evolve(stored, **{name: getattr(asked, name) for name in anew})


def resume_command(configuration: Configuration, path: Path) -> str:
    """What continues a run or a sweep.

    Args:
        configuration: Of the run, or of any run of the sweep.
        path: Its folder.

    Example:
        >>> resume_command(Configuration(task="images/cifar10", data="my data"), Path("runs/one"))
        "fpt train images/cifar10 --resume --out runs/one --data 'my data'"
    """
    data = ["--data", str(configuration.data)] if configuration.data else []
    return shlex.join(["fpt", "train", configuration.task, "--resume", "--out", str(path), *data])


def _the_same(name: str, begun: Any) -> str:
    return f"name {begun}" if name == "task" else f"leave {name} out"


def _agrees(name: str, asked: Any, begun: Any) -> bool:
    """Whether what is asked is what the run was begun with.

    An option is, by its word; ``auto``, whatever that was; a body without a commit, whatever commit it was
    then pinned to.
    """
    if isinstance(asked, Mapping):
        return all(_word(value) == _word(begun.get(option)) for option, value in asked.items())
    was_pinned = name == "backbone" and asked == begun.partition("@")[0]
    return was_pinned or asked in ("auto", begun)


def _word(value: Any) -> str:
    """An option's value as it is written on a command line."""
    word = str(value)
    return word.lower() if word in ("True", "False") else word
