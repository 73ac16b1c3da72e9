"""The pages that are made from the registry: one per plugin, one per backbone, one for the runs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

import attrs

from fpt_plugins import options
from fpt_plugins.errors import FptError
from fpt_plugins.options import Option
from fpt_plugins.plugins import find_backbone
from fpt_plugins.registry import cards, root
from fpt_plugins.registry_cards import BackboneCard, PluginCard, RunCard, TaskCard
from fpt_plugins.task_page import TaskPage, task_page


@functools.cache
def pages() -> dict[str, str]:
    """Each page's Markdown by its place below docs."""
    return {
        "plugins/index.md": _plugins(cards(PluginCard)),
        **{f"plugins/{card.name}.md": _plugin(card) for card in cards(PluginCard)},
        "backbones/index.md": _backbones(cards(BackboneCard)),
        **{f"backbones/{card.name}.md": _backbone(card) for card in cards(BackboneCard)},
        "runs.md": _runs(cards(RunCard)),
        "registry.md": (root() / "README.md").read_text("utf-8"),
        "reference/command-line.md": _command_line(),
    }


def _command_line() -> str:
    from fpt_plugins.cli import app

    shown = app.generate_docs(output_format="markdown", usage_name="fpt")
    contents = re.compile(r"^## Table of Contents\n.*?(?=^\*\*Commands)", flags=re.DOTALL | re.MULTILINE)
    return (
        "# Command line\n\n" + contents.sub("", shown).partition("\n")[2]
    )  # the site has contents of its own


def _plugins(found: Sequence[PluginCard]) -> str:
    rows = [
        (f"[{card.name}]({card.name}.md)", card.summary, ", ".join(f"`{task}`" for task in card.tasks))
        for card in found
    ]
    return _page(
        "Plugins", "Every plugin with a card in the registry.", _table(("plugin", "", "tasks"), rows)
    )


def _plugin(card: PluginCard) -> str:
    known = {task.name: task for task in cards(TaskCard)}
    facts = (("distribution", f"`{card.distribution}`"), ("license", card.license))
    sections = [_task(name, known.get(name)) for name in card.tasks]
    install = f"```console\n$ {card.install}\n```"
    return _page(card.name, card.summary, install, _table(("fact", ""), facts), *sections)


def _task(name: str, card: TaskCard | None) -> str:
    sections = [f"## `{name}`", *(_task_card(card) if card else ())]
    try:
        sections += _declared(task_page(name, {}))
    except FptError as error:
        sections.append(f"Its options are shown where it is installed: {error.message}.")
    return "\n\n".join([*sections, _runs_of(run for run in cards(RunCard) if run.task == name)])


def _task_card(card: TaskCard) -> list[str]:
    options_given = " ".join(f"`{name}={value}`" for name, value in card.paper_options.items())
    scores = [(floor.name, f"{floor.value:.4g}", "closed form") for floor in card.floors]
    scores += [(score.model, f"{score.value:.3f}", score.table) for score in card.published]
    data = f"<{card.data}>" if card.data.startswith("https://") else card.data
    said = f"{card.summary[0].upper()}{card.summary[1:]}. Data: {data}."
    under = f"Published scores are comparable under {options_given} alone." if options_given else ""
    shown = _table((card.metric.replace("_", " "), "score", "from"), scores) if scores else ""
    return [said, shown, under]


def _declared(page: TaskPage) -> list[str]:
    recipe = ", ".join(f"{name} {value}" for name, value in page.recipe.items() if value not in (None, {}))
    facts = (
        ("sequence", page.sequence),
        ("recipe", recipe),
        ("metrics", ", ".join(page.metrics)),
        ("readout", f"`{page.readout}`"),
    )
    return [_table(("fact", ""), facts), _options("--option", page.options)]


def _backbones(found: Sequence[BackboneCard]) -> str:
    rows = [
        (
            f"[{card.name}]({card.name}.md)",
            card.summary,
            f"{card.embed_dim:,}",
            str(card.layers),
            f"{sum(card.parameters.values()):,}",
        )
        for card in found
    ]
    others = "Besides these, `hf:NAME@REVISION` and `timm:NAME` name any body of a known architecture."
    return _page("Backbones", others, _table(("backbone", "", "width", "layers", "parameters"), rows))


def _backbone(card: BackboneCard) -> str:
    spec = find_backbone(card.name)
    facts = {
        "source": card.source if card.source != "-" else "none: it was never trained",
        "revision": card.revision and f"`{card.revision}`",
        "license": card.license,
        "SHA-256 of the weights": card.weights_sha256 and f"`{card.weights_sha256}`",
        "width": f"{card.embed_dim:,}",
        "layers": str(card.layers),
        "positions": card.max_length and f"{card.max_length:,}",
        "sees": "only earlier positions" if card.causal else "all positions",
        "`--init`": ", ".join(f"`{init}`" for init in spec.inits),
    }
    total = sum(card.parameters.values())
    groups = [(group, f"{count:,}", f"{100 * count / total:.2f}") for group, count in card.parameters.items()]
    values = options.values(spec.options())
    described = [attrs.evolve(o, default=values[o.name]) for o in options.describe(spec.options)]
    return _page(
        card.name,
        f"{card.summary[0].upper()}{card.summary[1:]}.",
        f"```console\n$ fpt train bits/xor --backbone {card.name}\n```",
        _table(("fact", ""), [(name, fact) for name, fact in facts.items() if fact]),
        "## Parameters\n\n" + _table(("group", "parameters", "per cent"), groups) if groups else "",
        "## Options\n\n" + _options("--backbone-option", described) if described else "",
        _runs_of(run for run in cards(RunCard) if run.backbone == card.name),
    )


def _runs(found: Sequence[RunCard]) -> str:
    said = "Runs that someone finished, recorded and offered: each is what its record says, and its command."
    return _page("Runs", said, *(_run(card) for card in found))


def _run(card: RunCard) -> str:
    scores = [("this run", name.replace("_", " "), f"{value:.4f}") for name, value in card.scores.items()]
    scores += [(floor.name, floor.metric.replace("_", " "), f"{floor.value:.4f}") for floor in card.floors]
    often = "once" if card.reads == 1 else f"{card.reads} times"
    said = f"`{card.task}` on `{card.backbone}` ({card.init}), `--train {card.policy}`."
    said += f" {card.samples:,} test samples, read {often}."
    command = f"```console\n$ {card.command}\n```"
    digest = f"Adapter `{card.adapter_sha256}`, body `{card.source_digest}`."
    return "\n\n".join([f"## {card.name}", said, _table(("", "metric", "score"), scores), command, digest])


def _runs_of(found: Iterable[RunCard]) -> str:
    lines = [f"- [{card.name}](../runs.md#{card.name}): {_headline(card)}" for card in found]
    return "\n".join(["### Recorded runs", "", *lines]) if lines else ""


def _headline(card: RunCard) -> str:
    metric = card.floors[0].metric
    floors = ", ".join(f"{floor.name} {floor.value:.3f}" for floor in card.floors if floor.metric == metric)
    return f"{card.task} on {card.backbone}, {metric.replace('_', ' ')} {card.scores[metric]:.3f} ({floors})"


def _options(flag: str, rows: Sequence[Option]) -> str:
    shown = [
        (f"`{each.name}`", f"`{each.default}`" if each.default != "" else "", each.type, each.help)
        for each in rows
    ]
    return _table((f"`{flag}`", "default", "type", "what it is"), shown)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    return "\n".join(map(_line, [columns, ["---"] * len(columns), *rows]))


def _line(cells: Sequence[str | None]) -> str:
    return "| " + " | ".join((cell or "").replace("|", "\\|") for cell in cells) + " |"


def _page(title: str, *sections: str) -> str:
    return "\n\n".join([f"# {title}", *filter(None, sections)]) + "\n"
