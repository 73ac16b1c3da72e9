"""Every task with a card: what it asks, where its data come from, and its floors in closed form."""

from fpt_plugins.registry import cards
from fpt_plugins.registry_cards import PluginCard, TaskCard

DATA = {"generated": "generated", "bundled": "bundled", "yours": "your own files"}


def table() -> str:
    """One row per task; its plugin is linked where it lies in this tree."""
    lines = ["| task | asks | data | scored by | without learning |", "|---|---|---|---|---|"]
    places = {
        task: plugin.install.removeprefix("pip install ./")
        for plugin in cards(PluginCard)
        for task in plugin.tasks
    }
    lines += [_row(card, places[card.name]) for card in cards(TaskCard)]
    return "\n".join(lines)


def _row(card: TaskCard, place: str) -> str:
    name = f"[`{card.name}`]({place})" if place.startswith("plugins/") else f"`{card.name}`"
    data = DATA.get(card.data) or f"[published]({card.data})"
    floors = ", ".join(f"{floor.name} {floor.value:.4g}" for floor in card.floors)
    scored_by = card.metric.replace("_", " ")
    return f"| {name} | {card.summary} | {data} | {scored_by} | {floors or 'from your data'} |"
