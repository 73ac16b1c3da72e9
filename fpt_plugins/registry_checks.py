"""What a pull request that adds a card must pass: the form of each card, and that cards agree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from typing import Any

import attrs

from fpt_plugins import registry
from fpt_plugins.errors import IntegrityError, UnknownName
from fpt_plugins.registry_cards import KINDS, BackboneCard, Card, PluginCard, RunCard, TaskCard


@attrs.frozen
class Finding:
    """What is wrong with a card.

    Args:
        file: The card's.
        key: The field, as TOML names it: ``floors[0].value``; empty where it is the whole file.
        message: What is wrong.
        remedy: What to do.
    """

    file: str
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.message}" + (f"\n  {self.remedy}" if self.remedy else "")


@attrs.frozen
class CheckedFile:
    """A file, the folder it lies in, the card in it if there is one, and what is wrong with its form."""

    file: Traversable
    folder: str
    card: Card | None
    findings: tuple[Finding, ...] = ()


def check_registry(files: Sequence[Traversable] = ()) -> tuple[list[CheckedFile], list[Finding]]:
    """Checks cards, each alone and all together.

    Args:
        files: The cards' files, judged beside the rest of the registry; all of it where none is given.

    Returns:
        The files that were checked and what is wrong, in their order.
    """
    whole = [_read(file, folder) for folder in KINDS for file in registry.card_files(folder)]
    checked = [_read(file, _folder(file)) for file in files] if files else whole
    replaced = {(each.folder, each.file.name) for each in checked}
    rest = [each for each in whole if (each.folder, each.file.name) not in replaced]
    known = _Known([each.card for each in (*checked, *rest) if each.card is not None])
    findings = [
        finding
        for each in checked
        for finding in (*each.findings, *(_agreement(each, each.card, known) if each.card else ()))
    ]
    return checked, findings


def _folder(file: Traversable) -> str:
    return str(file).replace("\\", "/").rpartition("/")[0].rpartition("/")[2]


def _read(file: Traversable, folder: str) -> CheckedFile:
    if not file.is_file():
        found = Finding(str(file), "", "there is no such file", "give a card: registry/runs/NAME.toml")
        return CheckedFile(file, folder, None, (found,))
    kind = KINDS.get(folder)
    if kind is None:
        remedy = f"put it into one of {', '.join(f'registry/{name}' for name in KINDS)}"
        found = Finding(str(file), "", f"the folder {folder or '.'!r} holds no cards", remedy)
        return CheckedFile(file, folder, None, (found,))
    try:
        facts = registry.read_facts(file)
    except (OSError, ValueError, IntegrityError) as error:
        found = Finding(str(file), "", str(error), "a card is a file of TOML; registry/README.md has one")
        return CheckedFile(file, folder, None, (found,))
    unknown = [_unknown(file, kind, name) for name in facts if name not in attrs.fields_dict(kind)]
    card, faults = registry.parse_card(facts, kind)
    misformed = [Finding(str(file), key, message, _meaning(kind, key)) for key, message in faults]
    return CheckedFile(file, folder, card, (*unknown, *misformed))


def _unknown(file: Traversable, kind: type[Card], name: str) -> Finding:
    error = UnknownName(f"field of a {kind.kind}'s card", name, attrs.fields_dict(kind))
    return Finding(str(file), name, "is no field of a card of its kind", error.remedy)


def _meaning(kind: type[Card], key: str) -> str:
    """A field's line of the class's docstring."""
    field = re.split(r"[.\[]", key)[0]
    found = re.search(rf"^    ({re.escape(field)}: .+)$", inspect.getdoc(kind) or "", flags=re.MULTILINE)
    return found[1] if field and found else ""


@attrs.frozen
class _Known:
    """All cards that are judged together."""

    cards: Sequence[Card]

    def of(self, kind: type[Any]) -> list[Any]:
        return [card for card in self.cards if isinstance(card, kind)]

    def providers(self, task: str) -> list[PluginCard]:
        return [plugin for plugin in self.of(PluginCard) if task in plugin.tasks]


def _agreement(checked: CheckedFile, card: Card, known: _Known) -> Iterator[Finding]:
    """What one card says against its file's name and against the other cards."""
    file = str(checked.file)
    if checked.file.name != registry.file_name(card):
        message = f"{card.name} is in {checked.file.name}"
        yield Finding(file, "name", message, f"name the file {registry.file_name(card)}")
    if sum(other.name == card.name for other in known.of(type(card))) > 1:
        remedy = "a name stands for one; take another"
        yield Finding(file, "name", f"another {card.kind}'s card is named {card.name} too", remedy)
    if isinstance(card, PluginCard):
        yield from _plugin(file, card, known)
    elif isinstance(card, TaskCard):
        yield from _provided(file, "name", card.name, known)
    elif isinstance(card, RunCard):
        yield from _run(file, card, known)


def _plugin(file: str, card: PluginCard, known: _Known) -> Iterator[Finding]:
    for task in card.tasks:
        if not task.startswith(f"{card.name}/"):
            remedy = f"the plugin {card.name} provides {card.name}/..."
            yield Finding(file, "tasks", f"{task} is no task of {card.name}", remedy)
        others = [plugin.distribution for plugin in known.providers(task) if plugin is not card]
        if others:
            remedy = "a name stands for one; rename the plugin and its entry point"
            yield Finding(file, "tasks", f"{task} is provided by {others[0]} already", remedy)
    place = card.install.removeprefix("pip install ./plugins/")
    if place not in {card.install, card.name}:
        remedy = f"write pip install ./plugins/{card.name}"
        yield Finding(file, "install", f"installs the plugin {place}", remedy)


def _provided(file: str, key: str, task: str, known: _Known) -> Iterator[Finding]:
    if not known.providers(task):
        remedy = f"registry/plugins/{task.partition('/')[0]}.toml has to be there and to name it under tasks"
        yield Finding(file, key, f"no card of a plugin provides the task {task}", remedy)


def _run(file: str, card: RunCard, known: _Known) -> Iterator[Finding]:
    yield from _provided(file, "task", card.task, known)
    carded = {backbone.name for backbone in known.of(BackboneCard)}
    if ":" not in card.backbone and card.backbone not in carded:
        remedy = UnknownName("backbone", card.backbone, carded).remedy
        yield Finding(file, "backbone", f"no card of a backbone is named {card.backbone}", remedy)
    for number, floor in enumerate(card.floors):
        if floor.metric not in card.scores:
            message = f"a floor of {floor.metric}, of which there is no score"
            yield Finding(file, f"floors[{number}]", message, "fpt record writes those of the run")
    if not card.floors:
        yield Finding(file, "floors", "a score says nothing without its floors", "fpt record writes them")
