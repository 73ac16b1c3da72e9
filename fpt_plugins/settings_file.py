"""Settings of a run from a TOML file, and from words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins import options
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.plain_files import read_toml


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a TOML file, named as the flags are.

    ``options``, ``backbone-options``, ``policy-options`` and ``group-lr`` are tables.

    Raises:
        ConfigurationError: The file is missing or is not TOML, with the line, or holds a value that no
            run can have.
        UnknownName: A key that is no setting.
    """
    settings = {name.replace("-", "_"): value for name, value in _read_file(path).items()}
    known = {*attrs.fields_dict(Configuration), "with", "out"} - {"task", "wrappers"}
    for name in settings:
        if name not in known:
            spelled = (key.replace("_", "-") for key in known)
            raise UnknownName(f"setting in {path}", name.replace("_", "-"), spelled)
    if "with" in settings:
        settings["wrappers"] = settings.pop("with")
    _check_values(settings, path)
    return settings


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except FileNotFoundError as error:
        raise ConfigurationError(f"--config {path}: there is no such file", "give the name of one") from error
    except OSError as error:
        reason, remedy = error.strerror or str(error), "give a TOML file of settings: steps = 100"
        raise ConfigurationError(f"--config {path}: it cannot be read: {reason}", remedy) from error
    except ValueError as error:
        remedy = 'write settings as TOML does: steps = 100, or train = "head"'
        raise ConfigurationError(f"--config {path}: it is not TOML: {error}", remedy) from error


def _check_values(settings: Mapping[str, Any], path: Path) -> None:
    """Refuses values with the file's name; of a list of learning rates each is a run's own."""
    others = {name: value for name, value in settings.items() if name not in {"lr", "out"}}
    rates = settings.get("lr")
    try:
        for rate in (isinstance(rates, list) and rates) or [rates]:
            Configuration.of("", **others, lr=rate)
    except ConfigurationError as error:
        raise ConfigurationError(f"--config {path}: {error.message}", error.remedy) from error


def numbers(word: str, flag: str) -> float | list[float]:
    """``"1e-3"`` as a number, ``"3e-4,1e-3"`` as several.

    Raises:
        ConfigurationError: A part that is no number.
    """
    try:
        found = [float(part) for part in word.split(",")]
    except ValueError as error:
        raise ConfigurationError(
            f"{flag} {word}: {error}", f"write {flag} 1e-3 or {flag} 3e-4,1e-3"
        ) from error
    return found[0] if len(found) == 1 else found


def assignments_as_floats(words: list[str], flag: str) -> dict[str, float]:
    """``["head=1e-2"]`` as ``{"head": 0.01}``.

    Raises:
        ConfigurationError: A word that is no ``NAME=NUMBER``.
    """
    try:
        return {name: float(value) for name, value in options.from_assignments(words, flag).items()}
    except ValueError as error:
        remedy = f"write {flag} GROUP=NUMBER: {flag} head=1e-2"
        raise ConfigurationError(f"{flag} {' '.join(words)}: {error}", remedy) from error
