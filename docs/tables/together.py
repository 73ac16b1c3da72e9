"""Runs and adapters over one body, together against in turn: the last ``make benchmark`` that was kept."""

import json

from speed import MEASURED

HEADS = ("body", "what", "runs or adapters", "together", "in turn", "times faster")


def table() -> str:
    """A row per measurement."""
    lines = [HEADS, ["---"] * len(HEADS)]
    for row in json.loads(MEASURED.read_text())["scale"]["adapters"]:
        seconds = (f"{row[side]:.2f} s" for side in ("together_seconds", "in_turn_seconds"))
        lines.append(
            [f"`{row['backbone']}`", row["what"], str(row["adapters"]), *seconds, f"{row['times']:.2f}"]
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
