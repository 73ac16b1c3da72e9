"""The names that ``--init`` takes. Imports no torch."""

from __future__ import annotations

PRETRAINED_INITS = ("pretrained", "random", "statistics", "shuffled")
"""Of a body whose weights are somewhere."""

RUN_PREFIX = "run:"
RUN = "run:PATH"
"""How a spec says that it can begin where a run of ours ended."""


def knows(inits: tuple[str, ...], init: str) -> bool:
    """Whether a spec with these initializations has this one.

    Example:
        >>> knows(("random", "run:PATH"), "run:runs/memory"), knows(("random",), "run:runs/memory")
        (True, False)
    """
    return init in inits or (RUN in inits and init.startswith(RUN_PREFIX))
