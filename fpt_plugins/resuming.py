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


def continued(
    path: Path, stored: Configuration, asked: Configuration, given: Mapping[str, Any]
) -> Configuration:
    """The settings of a run to continue: as it was begun, where its data and device are as is asked now.

    Args:
        path: Its folder, for messages.
        stored: What was asked when it began.
        asked: What is asked now.
        given: The settings that were given by the user: they must agree.

    Raises:
        ConfigurationError: One does not; it is named.
    """
    named = {name for name, value in given.items() if value is not None}
    for name in ("task", *sorted(named - MAY_DIFFER)):
        now, begun = getattr(asked, name), getattr(stored, name)
        if not _agrees(now, begun):
            raise ConfigurationError(
                f"the run in {path} was begun with {name} {begun}, not {now}",
                f"{_the_same(name, begun)} to continue it as it was, or begin another run with another --out",
            )
    return attrs.evolve(stored, **{name: getattr(asked, name) for name in named & MAY_DIFFER})


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


def _agrees(asked: Any, begun: Any) -> bool:
    """Whether what is asked is what the run was begun with: an option by its word, ``auto`` by anything."""
    if isinstance(asked, Mapping):
        return all(_word(value) == _word(begun.get(name)) for name, value in asked.items())
    return asked in ("auto", begun)


def _word(value: Any) -> str:
    """An option's value as it is written on a command line."""
    word = str(value)
    return word.lower() if word in ("True", "False") else word
