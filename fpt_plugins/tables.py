"""What ``fpt plugins``, ``fpt tasks`` and ``fpt backbones`` print: a table, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fpt_plugins.listing import BackboneListing, PluginListing, TaskListing, list_plugins
from fpt_plugins.options import Option, converter

_ORIGIN = ("plugin", "distribution", "version")


def print_plugins(*, as_json: bool = False) -> None:
    """Every installed plugin: where it comes from, and what it provides or why it cannot be used."""
    rows = list_plugins()
    _print(converter().unstructure(rows) if as_json else plugin_table(rows))


def print_tasks(*, as_json: bool = False) -> None:
    """Every task: what it asks, its options and the package that provides it."""
    rows = list_plugins()
    _print(_provided(rows, "tasks") if as_json else task_table(rows))


def print_backbones(*, as_json: bool = False) -> None:
    """Every backbone: its size, what it knows to start from, and whether it can be built here."""
    rows = list_plugins()
    _print(_provided(rows, "backbones") if as_json else backbone_table(rows))


def plugin_table(rows: Sequence[PluginListing]) -> Table:
    """One row per plugin."""
    table = _table("plugin", "distribution", "contract", "provides")
    for row in rows:
        provides = _failure(row) if row.error else Text(_counts(row))
        contract = "nothing" if row.contract is None else row.contract or "any"
        table.add_row(row.plugin, _origin(row), contract, provides)
    return table


def task_table(rows: Sequence[PluginListing]) -> Table:
    """One row per task, and one per plugin that fails."""
    table = _table("task", "what it asks, and its options", "from")
    for row in rows:
        for task in row.tasks:
            table.add_row(task.name, _task(task), _origin(row))
        if row.error:
            table.add_row(row.plugin, _failure(row), _origin(row))
    return table


def backbone_table(rows: Sequence[PluginListing]) -> Table:
    """One row per backbone, and one per plugin that fails."""
    table = _table("backbone", "layers", "width", "length", "what it is, and the values of --init")
    for column in table.columns[1:4]:
        column.justify = "right"
    for row in rows:
        for backbone in row.backbones:
            table.add_row(backbone.name, *_sizes(backbone), _backbone(backbone))
        if row.error:
            table.add_row(row.plugin, "", "", "", Text(f"{_origin(row)}: ").append_text(_failure(row)))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _counts(row: PluginListing) -> str:
    counted = {"task": len(row.tasks), "backbone": len(row.backbones)}
    words = [f"{count} {noun}{'s' * (count > 1)}" for noun, count in counted.items() if count]
    return ", ".join(words) or ", ".join(row.hooks)


def _task(task: TaskListing) -> Text:
    return Text(task.summary).append(f"\n{_defaults(task.options)}", "dim")


def _sizes(backbone: BackboneListing) -> list[str]:
    numbers = (backbone.layers, backbone.embed_dim, backbone.max_length)
    return ["-" if number is None else str(number) for number in numbers]


def _backbone(backbone: BackboneListing) -> Text:
    sight = {True: "causal; ", False: "bidirectional; ", None: ""}[backbone.causal]
    text = Text(backbone.summary).append(f"\n{sight}{', '.join(backbone.inits)}".rstrip(), "dim")
    return text.append(f"\nnot installed: {backbone.missing}", "yellow") if backbone.missing else text


def _defaults(options: Sequence[Option]) -> str:
    return " ".join(f"{option.name}={option.default}" for option in options)


def _failure(row: PluginListing) -> Text:
    text = Text(row.error or "", "red")
    return text.append(f"\n{row.remedy}", "yellow") if row.remedy else text


def _origin(row: PluginListing) -> str:
    return f"{row.distribution} {row.version}"


def _provided(rows: Sequence[PluginListing], kind: str) -> list[dict[str, Any]]:
    return [
        {**converter().unstructure(provided), **{name: getattr(row, name) for name in _ORIGIN}}
        for row in rows
        for provided in getattr(row, kind)
    ]


def _print(what: Table | list[dict[str, Any]]) -> None:
    if isinstance(what, Table):
        Console(markup=False, emoji=False).print(what)  # a plugin's words are text
    else:
        print(json.dumps(what, indent=2))
