"""A cell: one run of a study's grid."""

from __future__ import annotations

from typing import Any

import attrs

from fpt_plugins.study.arms import Role


@attrs.frozen(kw_only=True)
class Cell:
    """One run that a study asks for.

    Args:
        task: The task's label; of a run that comes first, its name.
        arm: The arm's name; ``""`` of a run that comes first.
        role: ``before``, ``sweep``, or ``final``. One run may be asked for in two roles.
        lr: The learning rate.
        seed: The seed.
        identity: The name of its folder below ``cells``.
        configuration: Every setting, resolved, as plain values.
        after: The identity of the run that must be over first, or ``""``.
        bank: The identity of the bank that it trains in, or ``""``: it trains alone.
    """

    task: str
    arm: str
    role: Role
    lr: float
    seed: int
    identity: str
    configuration: dict[str, Any]
    after: str = ""
    bank: str = ""
