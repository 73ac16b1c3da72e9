"""A model's parameters by group: what its parts declare, verified to add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fpt_plugins.backbone import ADDED_GROUPS, BODY_GROUPS, Group
from fpt_plugins.errors import FrozenError

if TYPE_CHECKING:
    from fpt_plugins.model import FrozenPretrainedTransformer


def parameter_groups(model: FrozenPretrainedTransformer) -> dict[Group, tuple[str, ...]]:
    """Every parameter's name under one group, as the parts declare and as is verified here.

    The groups of ``ADDED_GROUPS`` are there where a policy added them to the body.

    Raises:
        FrozenError: The body's declared groups overlap or do not sum to the whole.
    """
    body = model.backbone.parameter_groups()
    groups: dict[Group, tuple[str, ...]] = {
        "input": tuple(f"input_embedding.{name}" for name, _ in model.input_embedding.named_parameters()),
        "head": tuple(f"output_head.{name}" for name, _ in model.output_head.named_parameters()),
    }
    added = tuple(group for group in ADDED_GROUPS if group in body)
    for group in (*BODY_GROUPS, *added):
        groups[group] = tuple(f"backbone.{name}" for name in body.get(group, ()))
    _check_groups(
        body.keys() - {*BODY_GROUPS, *ADDED_GROUPS}, groups, {name for name, _ in model.named_parameters()}
    )
    return groups


def _check_groups(unknown: set[str], groups: Mapping[Group, tuple[str, ...]], names: set[str]) -> None:
    declared = [name for members in groups.values() for name in members]
    twice = (
        {name for name in declared if declared.count(name) > 1}
        if len(declared) != len(set(declared))
        else set()
    )
    problems = {
        "are no groups": unknown,
        "stand in two groups": twice,
        "stand in no group": names - set(declared),
        "are declared but not there": set(declared) - names,
    }
    for problem, found in problems.items():
        if found:
            raise FrozenError(
                f"the backbone's parameter groups do not add up: {', '.join(sorted(found))} {problem}"
            )
