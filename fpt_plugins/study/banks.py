"""Which cells train in one pass, and what that makes of their identities."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from fpt_plugins.arm import assemble
from fpt_plugins.backbones.inits import RUN_PREFIX
from fpt_plugins.bank import Bank
from fpt_plugins.errors import CannotShare
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Study
from fpt_plugins.study.identity import short_hash
from fpt_plugins.sweep import arms_of


def mates(study: Study, arm: StudyArm, cell: Cell) -> Iterator[tuple[float, int]]:
    """The rates and seeds of an arm that can be named when a cell of it can: itself is among them.

    Its whole sweep; of a seed that the sweep lacks, all such seeds at the cell's rate.
    """
    if cell.seed in study.sweep.seeds:
        return itertools.product(sorted(set(arm.rates)), study.sweep.seeds)
    return ((cell.lr, seed) for seed in study.seeds if seed not in study.sweep.seeds)


def can_share(configuration: Mapping[str, Any]) -> bool:
    """Whether runs of these settings can train in one pass, as :mod:`fpt_plugins.population` has it.

    It is part of what a cell is, so it must not hang on this machine: neither the device nor the
    library that quantizes is asked for, which decide nothing here.

    Args:
        configuration: Every setting, resolved, as plain values.

    Raises:
        FptError: The arm cannot be assembled at all.
    """
    kept = {name: value for name, value in configuration.items() if name not in {"task", "lr", "seed"}}
    settings = {**kept, "device": "cpu", "quantize": "none"}
    seeds = (configuration["seed"],)
    try:
        (one,) = arms_of(configuration["task"], configuration["lr"], seeds, settings).values()
        Bank({"": assemble(one)})
    except CannotShare:
        return False
    return True


def banked(cell: Cell, others: Iterable[Cell], threads: int) -> Cell:
    """A cell in the bank of all those that stand on its body: a cell of its own, being computed with them.

    Args:
        cell: As it would be alone.
        others: The cells that can be named with it, as they would be alone.
        threads: That the bank computes with.
    """
    together = sorted({cell.identity, *(each.identity for each in others if _body(each) == _body(cell))})
    if len(together) < 2:
        return cell
    bank = short_hash({"members": together, "threads": threads})
    return attrs.evolve(cell, bank=bank, identity=short_hash({"bank": bank, "alone": cell.identity}))


def _body(cell: Cell) -> tuple[str, int | None]:
    """What tells the bodies of an arm's cells apart: the seed, where it draws them."""
    init = str(cell.configuration["init"])
    drawn = init != "pretrained" and not init.startswith(RUN_PREFIX)
    return init, cell.configuration["init_seed"] if drawn else None
