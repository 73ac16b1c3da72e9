"""Where the commands print."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Prints what it is given: a path in square brackets is no markup, and no line is broken."""
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True)
