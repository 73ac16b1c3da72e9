"""Every attack, in the order of the page."""

from __future__ import annotations

from tests.faults import resume, saves
from tests.faults.attack import Attack

ATTACKS: tuple[Attack, ...] = (*saves.ATTACKS, *resume.ATTACKS)
