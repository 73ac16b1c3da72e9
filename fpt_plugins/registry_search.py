"""Finding cards: by name, by words, and by facts such as ``embed_dim>=768``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from fpt_plugins import registry
from fpt_plugins.errors import UnknownName
from fpt_plugins.options import converter
from fpt_plugins.registry_cards import KINDS, BackboneCard, Card, PluginCard, RunCard, TaskCard

FACT = re.compile(r"([a-z_][\w.]*)(>=|<=|=)(.*)", flags=re.DOTALL)


def all_cards() -> list[Card]:
    """Every card: plugins, backbones, tasks and runs, each kind by name."""
    plugins, backbones = registry.cards(PluginCard), registry.cards(BackboneCard)
    return [*plugins, *backbones, *registry.cards(TaskCard), *registry.cards(RunCard)]


def cards_named(name: str) -> list[Card]:
    """The cards of a name, of whatever kind.

    Raises:
        UnknownName: There is none; the nearest names are offered.
    """
    every = all_cards()
    named = [card for card in every if card.name == name]
    if not named:
        raise UnknownName("card", name, {card.name for card in every})
    return named


def search(words: Sequence[str]) -> list[Card]:
    """The cards in which every word stands and every fact holds.

    Args:
        words: A word is looked for in all that a card says, in any case. ``NAME=VALUE``,
            ``NAME>=NUMBER`` and ``NAME<=NUMBER`` are facts: ``kind=task``, ``parameters.mlp>=1e6``.

    Raises:
        UnknownName: No kind of card has a field of that name.

    Example:
        >>> [card.name for card in search(["kind=backbone", "layers<=1", "never trained"])]
        ['attention-1', 'block-1']
    """
    known = {"kind", *(name for kind in KINDS.values() for name in attrs.fields_dict(kind))}
    for word in words:
        fact = FACT.fullmatch(word)
        if fact and (field := fact[1].partition(".")[0]) not in known:
            raise UnknownName("field of a card", field, known)
    return [card for card in all_cards() if all(_holds(word, facts_of(card)) for word in words)]


def facts_of(card: Card) -> dict[str, Any]:
    """What a card says, as plain values, with its kind; facts that are not there are left out."""
    facts = {"kind": card.kind, **converter().unstructure(card)}
    return {name: fact for name, fact in facts.items() if fact not in (None, {}, [], ())}


def _holds(word: str, facts: dict[str, Any]) -> bool:
    fact = FACT.fullmatch(word)
    if fact is None:
        return word.lower() in " ".join(_texts(facts)).lower()
    name, relation, wanted = fact.groups()
    value: Any = facts
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value is not None and _compare(value, relation, wanted)


def _compare(value: Any, relation: str, wanted: str) -> bool:
    if relation == "=":
        values = value if isinstance(value, list) else [value]
        return wanted.lower() in {str(each).lower() for each in values}
    try:
        return float(value) >= float(wanted) if relation == ">=" else float(value) <= float(wanted)
    except (TypeError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    else:
        yield str(value)
