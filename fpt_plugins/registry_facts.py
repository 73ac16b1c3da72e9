"""Cards against what is installed: what a package says of itself, and what its code declares."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterator, Sequence
from typing import Any

from fpt_plugins import options
from fpt_plugins.backbones.counting import measure
from fpt_plugins.discovery import find_plugin
from fpt_plugins.errors import FptError
from fpt_plugins.loading import load, new_manager
from fpt_plugins.plugins import Plugins, find_backbone
from fpt_plugins.registry_cards import BackboneCard, Card, PluginCard, RunCard, TaskCard
from fpt_plugins.registry_checks import CheckedFile, Finding
from fpt_plugins.target import Classes

Difference = tuple[str, Any, Any]
"""A field, what the card says and what is so."""

PRECISION = 1e-3
"""A floor on a card has four digits or so."""


def compare_installed(checked: Sequence[CheckedFile]) -> list[Finding]:
    """What cards say that the installed packages do not.

    Args:
        checked: Cards whose form was checked; those that break it are passed over.

    Returns:
        A finding per fact. What is not installed is a finding, too.
    """
    return [finding for each in checked if each.card for finding in _compare(str(each.file), each.card)]


def _compare(file: str, card: Card) -> Iterator[Finding]:
    try:
        for field, said, found in _differences(card):
            message = f"says {said!r}, and what is installed says {found!r}"
            yield Finding(file, field, message, "write what is so, or release what is written")
    except (FptError, importlib.metadata.PackageNotFoundError) as error:
        yield Finding(file, "name", f"cannot be compared: {error}", "install what the card is about first")


def _differences(card: Card) -> Iterator[Difference]:
    if isinstance(card, PluginCard):
        pairs = _plugin(card)
    elif isinstance(card, BackboneCard):
        pairs = _backbone(card)
    elif isinstance(card, TaskCard):
        pairs = _task(card)
    else:
        pairs = _run(card)
    yield from (pair for pair in pairs if pair[1] != pair[2])


def _plugin(card: PluginCard) -> Iterator[Difference]:
    plugin = find_plugin(card.name)
    metadata = importlib.metadata.metadata(plugin.distribution).json
    yield "distribution", card.distribution, plugin.distribution
    yield "summary", card.summary, metadata.get("summary")
    yield "license", card.license, metadata.get("license_expression")
    yield "tasks", sorted(card.tasks), sorted(load(plugin, new_manager()).tasks)


_OF_THE_SPEC = (
    *("summary", "source", "license", "revision", "weights_sha256"),
    *("layers", "max_length", "causal"),
)


def _backbone(card: BackboneCard) -> Iterator[Difference]:
    spec = find_backbone(card.name)
    measured = measure(spec)
    for field in _OF_THE_SPEC:
        yield field, getattr(card, field), getattr(spec, field)
    yield "embed_dim", card.embed_dim, measured.embed_dim
    yield "parameters", dict(card.parameters), measured.parameters


def _task(card: TaskCard) -> Iterator[Difference]:
    task_class = Plugins.for_task(card.name).task_class
    options.build(task_class, card.paper_options, owner=card.name)
    task = task_class()
    yield "summary", card.summary, task.summary
    names = _metrics(task)
    yield "metric", card.metric, card.metric if card.metric in names else " or ".join(sorted(names))
    floors = _floors(task, card.metric) if card.floors else {}
    for number, floor in enumerate(card.floors):
        found = floors.get(floor.name)
        is_so = found is not None and math.isclose(floor.value, found, rel_tol=PRECISION)
        yield f"floors[{number}]", floor.value, floor.value if is_so else found


def _metrics(task: Any) -> set[str]:
    return {metric.name for metric in task.metrics}


def _floors(task: Any, metric: str) -> dict[str, float]:
    """By name: chance among classes needs no data, and other floors are the task's own."""
    if isinstance(task.target, Classes):
        return {"chance": 1 / task.target.size}
    return {floor.name: floor.value for floor in task.floors("test") if floor.metric == metric}


def _run(card: RunCard) -> Iterator[Difference]:
    task_class = Plugins.for_task(card.task).task_class
    task = options.build(task_class, card.options, owner=card.task)
    yield "scores", sorted(card.scores), sorted({*_metrics(task), "loss"})
    yield "backbone", card.backbone, find_backbone(card.backbone).name
