"""What ``fpt tasks NAME`` prints: one task whole, and on request what its data hold."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from rich import box
from rich.console import Console
from rich.table import Table

from fpt_plugins import options, registry
from fpt_plugins.errors import FptError
from fpt_plugins.options import Option, converter
from fpt_plugins.plugins import Plugins
from fpt_plugins.registry_cards import TaskCard
from fpt_plugins.sequence import TokenIds, Vectors
from fpt_plugins.task import SPLITS, Floor, Task

_WIDTH = 100
"""Characters of a declaration that are shown: a vocabulary may have many words."""


@attrs.frozen(kw_only=True)
class TaskPage:
    """All that is known of a task.

    Args:
        name: ``plugin/task``.
        summary: What is asked.
        plugin: The distribution that provides it, and its version.
        options: With the values that were given, or the defaults.
        recipe: What trains when no flag is given.
        sequence: What a sample becomes.
        readout: Which hidden states are read.
        target: What is predicted.
        metrics: Their names; the first selects.
        card: The registry's, where it has one.
        splits: Samples by split, where the data were read.
        floors: On the validation split, where the data were read.
    """

    name: str
    summary: str
    plugin: str
    options: list[Option]
    recipe: dict[str, Any]
    sequence: str
    readout: str
    target: str
    metrics: list[str]
    card: TaskCard | None
    splits: dict[str, int] = attrs.field(factory=dict)
    floors: tuple[Floor, ...] = ()


def task_page(
    name: str, given: Mapping[str, str], data: Path | None = None, *, read_data: bool = False
) -> TaskPage:
    """A task and what it declares under some options.

    Args:
        name: ``plugin/task``.
        given: Options by name, as words.
        data: Where data files are.
        read_data: Whether samples are counted and floors computed; this may read or fetch files.

    Raises:
        UnknownName: There is no such task or option.
        InputError: The data are to be read and are not there.

    Example:
        >>> task_page("bits/xor", {"length": "8"}).sequence
        'ids of 2 symbols, at most 16 in a sample'
    """
    plugins = Plugins.for_task(name)
    place = {} if data is None else {"data_root": data}
    task = options.build(plugins.task_class, given, owner=name, **place)
    values = options.values(task)
    return TaskPage(
        name=name,
        summary=task.summary,
        plugin=f"{plugins.owner.distribution} {plugins.owner.version}",
        options=[attrs.evolve(o, default=values[o.name]) for o in options.describe(plugins.task_class)],
        recipe=converter().unstructure(task.recipe),
        sequence=_declared(lambda: _sequence(task.sequence)),
        readout=_declared(lambda: repr(task.readout)),
        target=_declared(lambda: repr(task.target)),
        metrics=[metric.name for metric in task.metrics],
        card=next((card for card in registry.cards(TaskCard) if card.name == name), None),
        **_data(task) if read_data else {},
    )


def print_task(page: TaskPage, *, as_json: bool = False) -> None:
    """The page as tables, or as JSON."""
    if as_json:
        print(json.dumps(converter().unstructure(page), indent=2))
        return
    console = Console(markup=False, emoji=False, highlight=False)  # a plugin's words are text
    console.print(f"{page.name}: {page.summary}", _facts(page), "options", _options(page.options))


def _sequence(sequence: TokenIds | Vectors) -> str:
    if isinstance(sequence, TokenIds):
        kind = f"ids of {sequence.size} symbols"
    else:
        kind = f"vectors of {sequence.width} numbers"
    return f"{kind}, at most {sequence.max_length:,} in a sample"


def _declared(what: Callable[[], str]) -> str:
    """A declaration; a task of the user's own files has some only when these are given."""
    try:
        return textwrap.shorten(what(), _WIDTH, placeholder=" ...")
    except FptError as error:
        return str(error)


def _data(task: Task) -> dict[str, Any]:
    sizes = {name: len(task.split(name)) for name in SPLITS}  # type: ignore[arg-type] # map-style: it has a length
    return {"splits": sizes, "floors": task.floors("validation")}


def _facts(page: TaskPage) -> Table:
    table = Table(show_header=False, box=box.SIMPLE_HEAD, pad_edge=False)
    recipe = {name: value for name, value in page.recipe.items() if value not in (None, {})}
    facts = {
        "from": page.plugin,
        "sequence": page.sequence,
        "readout": page.readout,
        "target": page.target,
        "metrics": ", ".join(page.metrics),
        "recipe": "  ".join(f"{name}={value}" for name, value in recipe.items()),
        "splits": "  ".join(f"{name} {size:,}" for name, size in page.splits.items()) or "add --splits",
        "floors": "\n".join(map(_floor, page.floors)),
        **(_card(page.card) if page.card else {"card": "none in the registry"}),
    }
    for name, fact in facts.items():
        if fact:
            table.add_row(name, fact)
    return table


def _floor(floor: Floor) -> str:
    return f"{floor.metric}: {floor.name} {floor.value:.4f} ({floor.source})"


def _card(card: TaskCard) -> dict[str, str]:
    options_given = ", ".join(f"{name}={value}" for name, value in card.paper_options.items())
    under = f"under {options_given}: " if options_given else ""
    return {
        "data": card.data,
        "in closed form": ", ".join(f"{card.metric} {floor.name} {floor.value:.4g}" for floor in card.floors),
        "published": "\n".join(f"{under}{s.value:.3f}, {s.model} ({s.table})" for s in card.published),
    }


def _options(rows: list[Option]) -> Table:
    table = Table("--option", "default", "type", "what it is", box=box.SIMPLE_HEAD, pad_edge=False)
    for option in rows:
        table.add_row(option.name, str(option.default), option.type, option.help)
    return table
