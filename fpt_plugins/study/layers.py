"""Settings in layers: what a task, an axis, an arm or a scale adds to what stands below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, UnknownName

ELSEWHERE = {
    "task": "tasks stand in [tasks]",
    "lr": "learning rates stand in [sweep] rates, or in an arm's rates",
    "seed": "seeds stand in seeds = [...]",
    "data": "where data files are is said when it runs: --data",
}
"""Fields of a configuration that are no settings of a cell, and where a study says them."""

TABLES = ("options", "backbone_options", "policy_options", "group_lr")
"""Settings that are tables: layers add to them."""

BELONGS = {"init": "backbone", "backbone_options": "backbone", "policy_options": "train"}
"""Settings that mean something for one backbone or one policy only."""


def check_setting(name: str, where: str) -> None:
    """Refuses what is no setting of a cell; ``backbone_options.layers`` is one.

    Raises:
        UnknownName: The nearest settings are offered.
        ConfigurationError: It is said elsewhere.
    """
    field, dot, option = name.partition(".")
    if field in ELSEWHERE:
        raise ConfigurationError(f"{where} sets {field}", ELSEWHERE[field])
    if field not in attrs.fields_dict(Configuration) or (dot and (field not in TABLES or not option)):
        raise UnknownName(f"setting in {where}", name, set(attrs.fields_dict(Configuration)) - set(ELSEWHERE))


def merge(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One set of settings from several, later ones winning.

    A layer that names another backbone or policy begins with that one's own options and initialization.

    Example:
        >>> merge([{"init": "random", "options": {"length": 5}}, {"options.patch": 2, "backbone": "none"}])
        {'options': {'length': 5, 'patch': 2}, 'backbone': 'none'}
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        changed = {
            name for name in ("backbone", "train") if name in layer and layer[name] != merged.get(name)
        }
        merged = {name: value for name, value in merged.items() if BELONGS.get(name) not in changed}
        for name, value in layer.items():
            field, dot, option = name.partition(".")
            added = {option: value} if dot else value
            merged[field] = {**merged.get(field, {}), **added} if field in TABLES else value
    return merged


def sets(settings: Mapping[str, Any], axis: str) -> bool:
    """Whether settings decide an axis by themselves.

    Example:
        >>> sets({"backbone": "none"}, "backbone_options.layers"), sets({"train": "full"}, "init")
        (True, False)
    """
    field, _, option = axis.partition(".")
    if field in TABLES and option in settings.get(field, {}):
        return True
    return (field in settings and field not in TABLES) or BELONGS.get(field) in settings
