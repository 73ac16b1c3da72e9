"""Five bodies on two tasks."""

from measured_arms import arms_table


def table() -> str:
    """A row per body."""
    return arms_table("initializations.json", "body")
