"""``fpt new``: a plugin that installs, trains and passes the conformance suite as it is written."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from packaging.version import Version

from fpt_plugins import __version__, registry
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.registry_cards import PluginCard

SUFFIX = ".template"
_FOLDERS = {"github": ".github"}


def new_plugin(name: str, out: Path | None = None) -> Path:
    """Writes a new plugin into a folder that is not there yet.

    Args:
        name: The prefix of its tasks: lower-case letters, digits and hyphens.
        out: The folder; ``fpt-NAME`` in the working directory where it is not given.

    Returns:
        The folder.

    Raises:
        ConfigurationError: The name cannot be one or is a known plugin's, or the folder is there.

    Example:
        >>> new_plugin("birdsong", Path("fpt-birdsong"))  # doctest: +SKIP
        PosixPath('fpt-birdsong')
    """
    _check_name(name)
    folder = out or Path(f"fpt-{name}")
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already", f"fpt new {name} --out ANOTHER_FOLDER")
    for place, content in render(name).items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def render(name: str) -> dict[str, bytes]:
    """The files of a new plugin, by their paths in its folder.

    Args:
        name: The prefix of its tasks.
    """
    package = f"fpt_{name.replace('-', '_')}"
    words = {"name": name, "package": package, "contract": _contract(), "dollar": "$"}
    folders = {**_FOLDERS, "package": package}
    return {
        "/".join(folders.get(part, part) for part in parts): Template(text).substitute(words).encode()
        for parts, text in _templates(importlib.resources.files("fpt_plugins") / "_template")
    }


def _templates(folder: Traversable, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, *above, entry.name)
        elif entry.name.endswith(SUFFIX):
            yield (*above, entry.name.removesuffix(SUFFIX)), entry.read_text(encoding="utf-8")


def _contract() -> str:
    major, minor = Version(__version__).release[:2]
    return f">={major}.{minor},<{major}.{minor + 1}"


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigurationError(
            f"{name!r} cannot be a plugin's name", "lower-case letters, digits and hyphens: fpt new birdsong"
        )
    for card in registry.cards(PluginCard):
        if card.name == name:
            raise ConfigurationError(f"{card.distribution} is a plugin named {name}", "take another name")
