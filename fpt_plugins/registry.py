"""The registry: cards of checked facts that no single package can own. Data, never code.

In a wheel they lie in ``fpt_plugins/_registry``; in a clone, in ``registry`` at its root.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

from fpt_plugins.errors import ConfigurationError, FptError, UnknownName
from fpt_plugins.options import converter


@attrs.frozen(kw_only=True)
class PluginCard:
    """Who provides which tasks, and how it is installed.

    Args:
        name: The entry point's name.
        distribution: The package.
        summary: What it is, in one line.
        license: As an SPDX expression.
        install: The command that installs it.
        tasks: Their names.
    """

    name: str
    distribution: str
    summary: str
    license: str
    install: str
    tasks: tuple[str, ...]


@attrs.frozen(kw_only=True)
class BackboneCard:
    """Which weights a built-in backbone is made of.

    Args:
        name: What ``--backbone`` takes.
        source: Where the weights come from.
        license: Of the weights.
        embed_dim: Width.
        layers: Blocks.
        revision: The pinned commit of the source.
        weights_sha256: Of the weights' file.
    """

    name: str
    source: str
    license: str
    embed_dim: int
    layers: int
    revision: str | None = None
    weights_sha256: str | None = None


@attrs.frozen(kw_only=True)
class KnownFloor:
    """A score that needs no learning, in closed form.

    Args:
        name: As the task names it.
        value: A fraction from 0 to 1.
    """

    name: str
    value: float


@attrs.frozen(kw_only=True)
class PublishedScore:
    """A score to compare with.

    Args:
        model: What reached it.
        value: A fraction from 0 to 1.
        table: Where it is printed.
    """

    model: str
    value: float
    table: str


@attrs.frozen(kw_only=True)
class TaskCard:
    """What is known about a task from outside the package that provides it.

    Args:
        name: ``plugin/task``.
        data: Where the data come from: an address, or ``"generated"``.
        metric: The score that floors and published scores are of.
        paper_options: The task's options under which the published scores are comparable.
        floors: By closed form.
        published: From the paper.
    """

    name: str
    data: str
    metric: str
    paper_options: dict[str, str] = attrs.field(factory=dict)
    floors: tuple[KnownFloor, ...] = ()
    published: tuple[PublishedScore, ...] = ()


Card = TypeVar("Card", PluginCard, BackboneCard, TaskCard)

_FOLDERS: dict[type[Any], str] = {PluginCard: "plugins", BackboneCard: "backbones", TaskCard: "tasks"}


def cards(kind: type[Card]) -> tuple[Card, ...]:
    """All cards of a kind, by name.

    Raises:
        UnknownName: A card has a field that its kind lacks; the nearest ones are offered.
        ConfigurationError: A card is no TOML, lacks a field or has a value of another type.

    Example:
        >>> [card.distribution for card in cards(PluginCard)][:2]
        ['fpt-bits', 'fpt-images']
    """
    folder = _root() / _FOLDERS[kind]
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    return tuple(sorted((_card(file, kind) for file in files), key=lambda card: card.name))


def plugin_for_task(name: str) -> PluginCard | None:
    """The card of the plugin that provides a task, installed or not; ``None`` where no card does."""
    return next((card for card in cards(PluginCard) if name in card.tasks), None)


def _root() -> Traversable:
    package = importlib.resources.files("fpt_plugins")
    places = (package / "_registry", Path(str(package)).parent / "registry")
    for place in places:
        if place.is_dir():
            return place
    raise FptError("this installation of fpt-plugins lacks its registry", "install fpt-plugins again")


def _card(file: Traversable, kind: type[Card]) -> Card:
    try:
        fields = tomllib.loads(file.read_text("utf-8"))
        for name in fields:
            if name not in attrs.fields_dict(kind):
                raise UnknownName(f"field of the card {file}", name, attrs.fields_dict(kind))
        return converter().structure(fields, kind)
    except (tomllib.TOMLDecodeError, cattrs.BaseValidationError) as error:
        reasons = "; ".join(cattrs.transform_error(error))
        raise ConfigurationError(f"the card {file}: {reasons}") from error
