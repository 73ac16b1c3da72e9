"""A study's TOML file, at one of its scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
import cattrs

from fpt_plugins.configuration import reasons
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.options import converter
from fpt_plugins.plain_files import read_toml
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import sealed, write_file
from fpt_plugins.study.definition import (
    Before,
    Comparison,
    NamedArm,
    Published,
    PublishedScores,
    Stopping,
    Study,
    StudyTask,
    Sweep,
)
from fpt_plugins.study.layers import TABLES, check_setting

T = TypeVar("T")
Table = dict[str, Any]

DEFINITION = "study.json"
SCALES = ("smoke", "laptop", "paper")
_OF_SCALE = ("seeds", "settings", "tasks", "arms", "axes", "before", "sweep", "stopping", "leave_out")
_OF_STUDY = ("name", "question", "metric", "comparisons", "published", "scales", *_OF_SCALE)


def read_study(path: Path, scale: str = "laptop") -> Study:
    """The study of a file.

    Args:
        path: A TOML file, or the folder of a study that was begun.
        scale: ``smoke``, ``laptop`` or ``paper``; a folder has its own.

    Raises:
        ConfigurationError: The file is missing, is no TOML, or a value does not fit; with the place.
        UnknownName: A key that is none, or a scale that the file lacks; the nearest are offered.
    """
    if path.is_dir():
        return load_study(path)
    try:
        found = read_toml(path)
    except OSError as error:
        remedy = "give a study's TOML file, or the folder of one that was begun"
        raise ConfigurationError(f"the study {path}: {error.strerror or error}", remedy) from error
    except ValueError as error:
        remedy = "docs/studies.md says what such a file holds"
        raise ConfigurationError(f"the study {path} is not TOML: {error}", remedy) from error
    return build_study(found, scale, str(path))


def save_study(study: Study, folder: Path) -> None:
    """Writes the study, as it is asked now, into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / DEFINITION, sealed(converter().unstructure(study)))


def check_folder(study: Study, folder: Path) -> None:
    """Refuses a folder that holds another study; one whose file was changed is the same.

    Raises:
        ConfigurationError: It has another name or scale.
    """
    if (folder / DEFINITION).is_file():
        there = load_study(folder)
        if (there.name, there.scale) != (study.name, study.scale):
            raise ConfigurationError(
                f"{folder} holds {there.name} at {there.scale} scale, not {study.name} at {study.scale}",
                "give another --out",
            )


def load_study(folder: Path) -> Study:
    """The study of a folder.

    Raises:
        ConfigurationError: No study was begun there.
        IntegrityError: Its file is damaged.
    """
    if not (folder / DEFINITION).is_file():
        raise ConfigurationError(f"{folder} holds no study", f"begin one: fpt study run FILE --out {folder}")
    return read_sealed_as(Study, folder / DEFINITION, "study")


def build_study(content: Mapping[str, Any], scale: str, where: str) -> Study:
    """A study from a file's tables.

    Args:
        content: What the TOML says.
        scale: Which scale.
        where: The file, for messages.
    """
    table = _named(content, _OF_STUDY, where)
    scales = table.pop("scales", {}) or {scale: {}}  # a file without any has one size, whatever it is called
    for name in scales:
        if name not in SCALES:
            raise UnknownName(f"scale in {where}", name, SCALES)
    if scale not in scales:
        raise UnknownName("scale", scale, scales, owner=where)
    table = _scaled(table, _named(scales[scale], _OF_SCALE, f"{where} [scales.{scale}]"))
    tasks = _chosen(table.pop("tasks", {}), scale)
    arms = _chosen(table.pop("arms", {}), scale) or {"": {}}
    before = _chosen(table.pop("before", {}), scale)
    parts = {
        "scale": scale,
        "tasks": tuple(_task(label, each, f"{where} [tasks.{label}]") for label, each in tasks.items()),
        "arms": tuple(_arm(name, each, f"{where} [arms.{name}]") for name, each in arms.items()),
        "before": tuple(_before(name, each, f"{where} [before.{name}]") for name, each in before.items()),
        "axes": _axes(table.pop("axes", {}), where),
        "settings": _settings(table.pop("settings", {}), f"{where} [settings]"),
        "sweep": _made(Sweep, table.pop("sweep", {}), f"{where} [sweep]"),
        "stopping": _made(Stopping, table.pop("stopping", {}), f"{where} [stopping]"),
        "comparisons": tuple(
            _made(Comparison, each, f"{where} [[comparisons]]") for each in table.pop("comparisons", [])
        ),
        "published": _published(table.pop("published", None), where),
    }
    if "seeds" in table:
        table["seeds"] = tuple(table["seeds"])
    return _made(Study, {**table, **parts}, where, structured=True)


def _scaled(table: Table, scale: Table) -> Table:
    """The study's tables with what a scale says on top; its ``settings`` win over those of tasks, too."""
    merged = dict(table)
    ruled = set(scale.get("settings", {})) - set(TABLES)
    for entries in ("tasks", "before"):
        merged[entries] = {
            label: {name: value for name, value in entry.items() if name not in ruled}
            for label, entry in table.get(entries, {}).items()
        }
    for name, value in scale.items():
        merged[name] = (
            _overlaid(merged[name], value) if isinstance(value, Mapping) and name in merged else value
        )
    return merged


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    return {
        **below,
        **{
            name: _overlaid(below[name], value)
            if isinstance(value, Mapping) and isinstance(below.get(name), Mapping)
            else value
            for name, value in above.items()
        },
    }


def _chosen(entries: Mapping[str, Table], scale: str) -> dict[str, Table]:
    """The entries that belong to a scale: all, but for those that list the scales they belong to."""
    for name, entry in entries.items():
        for listed in entry.get("scales", ()):
            if listed not in SCALES:
                raise UnknownName(f"scale of {name}", listed, SCALES)
    return {
        name: {key: value for key, value in entry.items() if key != "scales"}
        for name, entry in entries.items()
        if scale in entry.get("scales", SCALES)
    }


def _task(label: str, entry: Table, where: str) -> StudyTask:
    own: Table = {name: entry[name] for name in ("task", "threshold") if name in entry}
    settings = {name: value for name, value in entry.items() if name not in own}
    return _made(
        StudyTask, {"label": label, "task": label, **own, "settings": _settings(settings, where)}, where
    )


def _before(name: str, entry: Table, where: str) -> Before:
    own: Table = {key: entry[key] for key in ("task", "lr") if key in entry}
    settings = {key: value for key, value in entry.items() if key not in own}
    return _made(Before, {"name": name, "task": name, **own, "settings": _settings(settings, where)}, where)


def _arm(name: str, entry: Table, where: str) -> NamedArm:
    settings = {key: value for key, value in entry.items() if key != "rates"}
    made = {"name": name, "rates": entry.get("rates", ()), "settings": _settings(settings, where)}
    return _made(NamedArm, made, where)


def _settings(entry: Mapping[str, Any], where: str) -> Table:
    settings = {_field(name): value for name, value in entry.items()}
    for name in settings:
        check_setting(name, where)
    return settings


def _axes(entry: Mapping[str, Any], where: str) -> dict[str, tuple[Any, ...]]:
    axes = {_field(name): values for name, values in entry.items()}
    for name, values in axes.items():
        check_setting(name, f"{where} [axes]")
        if not isinstance(values, list) or not values:
            raise ConfigurationError(f"{where} [axes] {name}={values!r} is no list of values")
    return {name: tuple(values) for name, values in axes.items()}


def _published(entry: Table | None, where: str) -> Published | None:
    if entry is None:
        return None
    tasks = {
        label: _made(PublishedScores, scores, f"{where} [published.tasks.{label}]")
        for label, scores in entry.get("tasks", {}).items()
    }
    return _made(Published, {**entry, "tasks": tasks}, f"{where} [published]", structured=True)


def _field(name: str) -> str:
    """A setting as flags and TOML spell it, as a field; what follows a dot is an option's own name."""
    field, dot, option = name.partition(".")
    return field.replace("-", "_") + dot + option


def _named(table: Mapping[str, Any], known: Iterable[str], where: str) -> Table:
    known = tuple(known)
    found = {name.replace("-", "_"): value for name, value in table.items()}
    for name in found:
        if name not in known:
            raise UnknownName(
                f"key in {where}", name.replace("_", "-"), (key.replace("_", "-") for key in known)
            )
    return found


def _made(kind: Callable[..., T], entry: Mapping[str, Any], where: str, *, structured: bool = False) -> T:
    """An instance of an attrs class from a table; a key that is no field of it is refused by name."""
    fields = attrs.fields_dict(cast("type[attrs.AttrsInstance]", kind))
    found = _named(entry, fields, where)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in found]
    if missing:
        raise ConfigurationError(f"{where} has no {missing[0]}")
    try:
        return kind(**found) if structured else cast("T", converter().structure(found, cast("type", kind)))
    except cattrs.BaseValidationError as error:
        raise ConfigurationError(f"{where}: {reasons(error)}") from error
    except UnknownName as error:  # of a validator, which does not know the file
        what = f"{error.kind} of {error.owner}" if error.owner else error.kind
        raise UnknownName(f"{what} in {where}", error.name, error.known) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error.message}", error.remedy) from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{where}: {error.args[0]}") from error
