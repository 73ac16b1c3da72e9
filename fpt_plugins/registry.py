"""The registry: cards of checked facts that no single package can own.

In a wheel they lie in ``fpt_plugins/_registry``; in a clone, in ``registry`` at its root.
"""

from __future__ import annotations

import importlib.resources
import typing
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
import tomli_w

from fpt_plugins.errors import ConfigurationError, FptError, UnknownName
from fpt_plugins.installed_files import check_installed
from fpt_plugins.options import converter
from fpt_plugins.plain_files import parse_toml, read_bounded
from fpt_plugins.registry_cards import KINDS, Card, PluginCard

AnyCard = TypeVar("AnyCard", bound=Card)


def cards(kind: type[AnyCard]) -> tuple[AnyCard, ...]:
    """All cards of a kind, by name.

    Raises:
        UnknownName: A card has a field that its kind lacks; the nearest ones are offered.
        ConfigurationError: A card is no TOML, lacks a field or has a value of another form.
        IntegrityError: A card is not what was installed.

    Example:
        >>> [card.distribution for card in cards(PluginCard)][:2]
        ['fpt-bits', 'fpt-images']
    """
    folder = next(name for name, each in KINDS.items() if each is kind)
    found = (read_card(file, kind) for file in card_files(folder))
    return tuple(sorted(found, key=lambda card: card.name))


def card_files(folder: str) -> list[Traversable]:
    """The files of one of the registry's folders: ``plugins``, ``backbones``, ``tasks`` or ``runs``."""
    place = root() / folder
    files = [file for file in place.iterdir() if file.name.endswith(".toml")] if place.is_dir() else []
    return sorted(files, key=lambda file: file.name)


def read_card(file: Traversable, kind: type[AnyCard]) -> AnyCard:
    """The card in a file.

    Raises:
        UnknownName: As for :func:`cards`.
        ConfigurationError: As for :func:`cards`.
    """
    try:
        facts = read_facts(file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the card {file}: {error}") from error
    for name in facts:
        if name not in attrs.fields_dict(kind):
            raise UnknownName(f"field of the card {file}", name, attrs.fields_dict(kind))
    card, faults = parse_card(facts, kind)
    if card is None:
        reasons = "; ".join(f"{key}: {message}" if key else message for key, message in faults)
        raise ConfigurationError(f"the card {file}: {reasons}")
    return card


def read_facts(file: Traversable) -> dict[str, Any]:
    """What a card's TOML says, of an installed card once its bytes are those that were installed.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no TOML.
        IntegrityError: It is not what was installed.
    """
    content = read_bounded(file)
    check_installed(file, content)
    return parse_toml(content)


def parse_card(facts: Mapping[str, Any], kind: type[AnyCard]) -> tuple[AnyCard | None, list[tuple[str, str]]]:
    """A card from plain values, or what is wrong with them.

    Args:
        facts: By the names of the kind's fields; other names are passed over.
        kind: Of card.

    Returns:
        The card, ``None`` where there is a fault; and the faults, each a field and what is wrong.
    """
    types, values, faults = typing.get_type_hints(kind), {}, []
    for field in attrs.fields(kind):
        if field.name not in facts:
            faults += [(field.name, "is missing")] if field.default is attrs.NOTHING else []
            continue
        try:
            values[field.name] = converter().structure(facts[field.name], types[field.name])
            if field.validator is not None:
                field.validator(None, field, values[field.name])
        except cattrs.BaseValidationError as error:
            for each in cattrs.transform_error(error, format_exception=_reason):
                message, _, place = each.rpartition(" @ $")
                faults.append((field.name + place, message))
        except (KeyError, TypeError, ValueError) as error:
            faults.append((field.name, _reason(error, None)))
    try:
        return (None if faults else kind(**values)), faults
    except ValueError as error:
        return None, [("", str(error.args[0]))]


def file_name(card: Card) -> str:
    """What the file of a card is called: ``bits-xor.toml``.

    Example:
        >>> file_name(cards(PluginCard)[0])
        'bits.toml'
    """
    return card.name.replace("/", "-").replace(":", "-") + ".toml"


def card_text(card: Card) -> str:
    """The content of a card's file: TOML, a line per fact, without those that are not there."""
    facts = converter().unstructure(card)
    return tomli_w.dumps({name: fact for name, fact in facts.items() if fact not in (None, {}, [], ())})


def plugin_for_task(name: str) -> PluginCard | None:
    """The card of the plugin that provides a task, installed or not; ``None`` where no card does."""
    return next((card for card in cards(PluginCard) if name in card.tasks), None)


def root() -> Traversable:
    """The folder of the registry.

    Raises:
        FptError: This installation has none.
    """
    package = importlib.resources.files("fpt_plugins")
    places = (package / "_registry", Path(str(package)).parent / "registry")
    for place in places:
        if place.is_dir():
            return place
    raise FptError("this installation of fpt-plugins lacks its registry", "install fpt-plugins again")


def _reason(error: BaseException, expected: type | None) -> str:
    """What a validator or a reader of words says, else what cattrs says."""
    said = isinstance(error, ValueError) and error.args
    return str(error.args[0]) if said else cattrs.v.format_exception(error, expected)
