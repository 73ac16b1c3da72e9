"""Every backbone with a card: its size, what of it the paper's policy trains, and where it comes from."""

from fpt_plugins.registry import cards
from fpt_plugins.registry_cards import BackboneCard

TRAINED = ("layer_norm", "position")
"""What ``--train fpt`` trains of a body."""


def table() -> str:
    """One row per backbone, the smallest first within those that have weights and those that have none."""
    lines = [
        "| backbone | what it is | width | layers | parameters | of these `fpt` trains | license |",
        "|---|---|---|---|---|---|---|",
    ]
    ordered = sorted(
        cards(BackboneCard), key=lambda card: (card.source == "-", sum(card.parameters.values()))
    )
    return "\n".join([*lines, *map(_row, ordered)])


def _row(card: BackboneCard) -> str:
    trained = sum(card.parameters.get(group, 0) for group in TRAINED)
    facts = (
        f"`{card.name}`",
        card.summary,
        f"{card.embed_dim:,}",
        str(card.layers),
        f"{sum(card.parameters.values()):,}",
        f"{trained:,}",
        card.license or "-",
    )
    return f"| {' | '.join(facts)} |"
