"""The grid of a study: every cell that can be named by now, and each arm's learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from fpt_plugins.options import converter
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import sealed, write_file
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.cells import Cell
from fpt_plugins.study.selection import Choice

GRID = "grid.json"


@attrs.frozen(kw_only=True)
class Grid:
    """What a study asks for, as far as it can be known before its sweeps are over.

    Args:
        cells: In the order in which they are trained: what comes first, sweeps, then seed after seed.
        arms: Its lines.
        choices: Each arm's learning rate.
        left_out: The reason by the name of each control that is not there.
        engine: Where cells are trained: ``local`` or ``ray``.
        workers: How many at once.
        threads: Of each.
        bank: Whether cells that can share their passes do.
    """

    cells: tuple[Cell, ...]
    arms: tuple[StudyArm, ...]
    choices: tuple[Choice, ...]
    left_out: Mapping[str, str]
    engine: str = "local"
    workers: int = 1
    threads: int = 1
    bank: bool = False

    def save(self, folder: Path) -> None:
        """Writes it where a report finds it, which needs neither plugins nor weights then."""
        write_file(folder / GRID, sealed(converter().unstructure(self)))

    @classmethod
    def load(cls, folder: Path) -> Grid:
        """The reverse of :meth:`save`.

        Raises:
            IntegrityError: It is missing or damaged.
        """
        return read_sealed_as(cls, folder / GRID, "grid of a study")

    @property
    def runs(self) -> tuple[Cell, ...]:
        """Its cells, one for each run."""
        return tuple({cell.identity: cell for cell in reversed(self.cells)}.values())[::-1]
