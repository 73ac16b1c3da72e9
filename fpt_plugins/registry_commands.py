"""``fpt registry`` and ``fpt record``: thin functions over the registry, and the tables that they print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from rich import box
from rich.console import Console
from rich.table import Column, Table

from fpt_plugins.console import console

app = App(name="registry", help="Cards of plugins, backbones, tasks and runs, installed or not.")

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON to standard output.")]
Kind = Annotated[
    Literal["plugin", "backbone", "task", "run"] | None, Parameter(help="One kind of card alone.")
]


@app.command(name="list")
def list_cards(kind: Kind = None, *, as_json: Json = False) -> None:
    """List the cards: a name, and what it stands for."""
    from fpt_plugins.registry_search import all_cards

    _print_cards([card for card in all_cards() if kind in (None, card.kind)], as_json=as_json)


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show all that the cards of one name say, and how to get what it stands for."""
    from fpt_plugins.registry_search import cards_named, facts_of

    named = cards_named(name)
    if as_json:
        print(json.dumps([facts_of(card) for card in named], indent=2))
        return
    for card in named:
        Console(markup=False, emoji=False).print(_fact_table(facts_of(card)))
        print(_get(card))  # unbroken: it is a command to copy


@app.command
def search(
    *words: Annotated[str, Parameter(help="A word, or a fact: kind=task, embed_dim>=768.")],
    as_json: Json = False,
) -> None:
    """Find the cards in which every word stands and every fact holds."""
    from fpt_plugins.errors import FptError
    from fpt_plugins.registry_search import search as found

    cards = found(words)
    if not cards and not as_json:
        raise FptError(f"no card has all of: {' '.join(words)}", "see them all: fpt registry list")
    _print_cards(cards, as_json=as_json)


@app.command
def check(
    *files: Annotated[Path, Parameter(help="Cards; all of the registry where none is given.")],
    installed: Annotated[
        bool, Parameter(negative="", help="Compare with the packages that are installed here, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check cards as a pull request does: form, names, digests, licenses, and that they agree."""
    from fpt_plugins.errors import FptError
    from fpt_plugins.options import converter
    from fpt_plugins.registry_checks import check_registry

    checked, findings = check_registry(files)
    if installed:
        from fpt_plugins.registry_facts import compare_installed

        findings += compare_installed(checked)
    if as_json:
        print(json.dumps(converter().unstructure(findings), indent=2))
    else:
        print(*map(str, findings), f"{len(checked)} cards checked", sep="\n")
    if findings:
        raise FptError(f"{len(findings)} things to mend", "the rule is in registry/README.md")


def record(
    run: Annotated[Path, Parameter(help="A run's or an exported adapter's folder.")],
    *,
    out: Annotated[
        Path | None,
        Parameter(help="A new file, registry/runs/NAME.toml in a clone (default: it is printed, not kept)."),
    ] = None,
    reads: Annotated[int, Parameter(help="How often the test split was read.")] = 1,
) -> None:
    """Print the run as a card of the registry, or write it; a run whose test split was not read has none."""
    from fpt_plugins.run_card import record_run

    card = record_run(run, out, reads=reads)
    print(out if out is not None else card.rstrip("\n"))
    place = "registry/runs/NAME.toml"
    if out is None:
        said = f"the card is kept nowhere; write it, in a clone: fpt record {run} --out {place}"
    elif out.resolve().parent.parts[-2:] != ("registry", "runs"):
        said = f"put it into a clone's registry; next: fpt registry check {place}"
    else:
        said = f"next: fpt registry check {out}"
    console(stderr=True).print(said)


def _print_cards(cards: Sequence[Any], *, as_json: bool) -> None:
    from fpt_plugins.registry_search import facts_of

    if as_json:
        print(json.dumps([facts_of(card) for card in cards], indent=2))
        return
    name = Column("name", overflow="fold", min_width=20)  # cut off, it could not be asked for
    table = Table("kind", name, "what it is", box=box.SIMPLE_HEAD, pad_edge=False)
    for card in cards:
        table.add_row(card.kind, card.name, _summary(card))
    Console(markup=False, emoji=False).print(table)


def _summary(card: Any) -> str:
    if card.kind != "run":
        return str(card.summary)
    metric = card.floors[0].metric
    floors = ", ".join(f"{floor.name} {floor.value:.4f}" for floor in card.floors if floor.metric == metric)
    return f"{card.task} on {card.backbone} ({card.init}): {metric} {card.scores[metric]:.4f}; {floors}"


def _fact_table(facts: dict[str, Any]) -> Table:
    table = Table("", Column("", overflow="fold"), show_header=False, box=box.SIMPLE_HEAD, pad_edge=False)
    for name, fact in facts.items():
        table.add_row(name, _shown(fact))
    return table


def _shown(fact: Any) -> str:
    if isinstance(fact, dict):
        return "\n".join(f"{name}: {_shown(value)}" for name, value in fact.items())
    if isinstance(fact, list | tuple):
        return "\n".join(map(_row, fact))
    return f"{fact:,}" if isinstance(fact, int) and not isinstance(fact, bool) else str(fact)


def _row(item: Any) -> str:
    return ", ".join(map(str, item.values())) if isinstance(item, dict) else str(item)


def _get(card: Any) -> str:
    """How to get, or use, what the card stands for."""
    from fpt_plugins.registry import plugin_for_task

    if card.kind == "plugin":
        return f"{card.install}\n"
    if card.kind == "backbone":
        return f"fpt train TASK --backbone {card.name}\n"
    if card.kind == "run":
        return f"{card.command}\n"
    plugin = plugin_for_task(card.name)
    return f"{plugin.install if plugin else ''}\nfpt train {card.name}\n"
