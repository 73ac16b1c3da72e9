"""What the tokens of a split depend on, as one digest.

The plugin's own files are in it and not its version alone, which an author who edits an installed
plugin leaves as it is.
"""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from fpt_plugins import __version__, options
from fpt_plugins.digest import file_digest
from fpt_plugins.storage import json_bytes

if TYPE_CHECKING:
    from fpt_plugins.discovery import InstalledPlugin
    from fpt_plugins.task import SplitName, Task

FORMAT = 1
"""Raised whenever the core would check, hold or store tokens otherwise."""


def token_key(plugin: InstalledPlugin, task: Task, split: SplitName) -> str | None:
    """SHA-256 over all that the tokens of a split are made from; ``None`` where that is not known.

    Task, options and split; the plugin's distribution, version and files; the versions of what it
    requires; ours; and the content of the data files, so that neither their place nor their time
    counts. Reading them for that takes about a second per gigabyte.

    Raises:
        InputError: The task's, where it cannot tell its files.
    """
    files = task.files(split)
    if files is None or not all(path.is_file() for path in files):
        return None
    depends = {
        "format": [FORMAT, __version__],
        "split": split,
        "task": [task.name, options.values(task)],
        "plugin": [plugin.distribution, plugin.version, _requirements(plugin.distribution)],
        "code": _code(plugin),
        "data": {_name(path, task.data_root): file_digest(path) for path in files},
    }
    return hashlib.sha256(json_bytes(depends)).hexdigest()


def _name(path: Path, data_root: Path) -> str:
    """A file's name, and those of its folders, which may be its class's."""
    return str(path.relative_to(data_root) if path.is_relative_to(data_root) else path)


def _requirements(distribution: str) -> dict[str, str]:
    found = {}
    for requirement in map(Requirement, requires(distribution) or ()):
        try:
            found[requirement.name] = version(requirement.name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue
    return found


def _code(plugin: InstalledPlugin) -> dict[str, str]:
    """The files of the package, or the module, that its hooks are in."""
    found = importlib.util.find_spec(plugin.entry_point.module.partition(".")[0])
    origin = Path(found.origin) if found is not None and found.origin else None
    if found is None or found.submodule_search_locations is None:
        return {} if origin is None else {origin.name: file_digest(origin)}
    return {
        str(path.relative_to(folder)): file_digest(path)
        for folder in map(Path, found.submodule_search_locations)
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"  # where other processes put files meanwhile
    }
