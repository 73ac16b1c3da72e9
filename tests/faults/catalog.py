"""Every attack, in the order of the page."""

from __future__ import annotations

from tests.faults import answers, determinism, golden, non_finite, parts, places, resume, saves, shortage
from tests.faults.attack import Attack

ATTACKS: tuple[Attack, ...] = (
    *saves.ATTACKS,
    *places.ATTACKS,
    *resume.ATTACKS,
    *parts.ATTACKS,
    *determinism.ATTACKS,
    *shortage.ATTACKS,
    *non_finite.ATTACKS,
    *answers.ATTACKS,
    *golden.ATTACKS,
)
