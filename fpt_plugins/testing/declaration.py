"""What a plugin says about how its tasks are checked: ``conformance.toml`` beside its hooks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.options import converter

FILE = "conformance.toml"
EXPECTED = "expected_failures"
"""The table that holds a reason for each check that is known to fail; every other table is a task's."""


@attrs.frozen(kw_only=True)
class Declaration:
    """How one task is checked. A task without one is checked with its defaults.

    Args:
        options: The task's options, small enough for a check of seconds.
        file: A small file that the task's ``read`` understands, beside ``conformance.toml``.
        records: How many records the source of its splits has, counted by other means than the
            plugin's: samples of the splits and records left out add up to it.
        sample: A JSON value that the task's ``parse`` understands.
        parameters: The names of the parameters that its own embedding and head have, as an adapter
            holds them (``input_embedding.weight``); those of the core's modules where it has none.
        decode: ``module:function`` of its package, from a sample's tokens back to the sample, where
            tokenizing loses nothing.
        needs: What the task's data need that no package carries (a download, the user's files);
            its data are not read then.
    """

    options: Mapping[str, Any] = attrs.field(factory=dict)
    file: Path | None = None
    records: int | None = None
    sample: Any = None
    parameters: tuple[str, ...] | None = None
    decode: str = ""
    needs: str = ""


@attrs.frozen(kw_only=True)
class Declarations:
    """All that one ``conformance.toml`` says.

    Args:
        tasks: By the task's name.
        expected_failures: Reasons by the names of checks that are known to fail.
    """

    tasks: Mapping[str, Declaration] = attrs.field(factory=dict)
    expected_failures: Mapping[str, str] = attrs.field(factory=dict)


def read_declarations(folder: Path) -> Declarations:
    """The declarations of a package; none where it has no ``conformance.toml``.

    Args:
        folder: The package's folder.

    Raises:
        ConfigurationError: The file is no TOML or declares something else, or names a file that
            is not there.
    """
    path = folder / FILE
    if not path.is_file():
        return Declarations()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        expected = converter().structure(tables.pop(EXPECTED, {}), dict[str, str])
        tasks = {task: _declaration(table, folder) for task, table in tables.items()}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, cattrs.BaseValidationError) as error:
        raise ConfigurationError(f"{path}: {error}", f"a table takes {', '.join(_FIELDS)}") from error
    return Declarations(tasks=tasks, expected_failures=expected)


def _declaration(table: dict[str, Any], folder: Path) -> Declaration:
    for key in table:
        if key not in _FIELDS:
            raise UnknownName(f"key of {FILE}", key, _FIELDS)
    if "file" in table:
        table["file"] = folder / table["file"]
        if not table["file"].is_file():
            raise ConfigurationError(f"{folder / FILE} names {table['file'].name}, which is not there")
    return converter().structure(table, Declaration)


_FIELDS = tuple(attrs.fields_dict(Declaration))
