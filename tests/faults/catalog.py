"""Every attack, in the order of the page."""

from __future__ import annotations

from tests.faults import (
    answers,
    audit,
    bit_flips,
    cut_while_read,
    determinism,
    followed,
    fuzzing,
    golden,
    hostile_files,
    mutations,
    non_finite,
    parts,
    places,
    resume,
    saves,
    shortage,
    truncation,
)
from tests.faults.attack import Attack

ATTACKS: tuple[Attack, ...] = (
    *saves.ATTACKS,
    *places.ATTACKS,
    *resume.ATTACKS,
    *parts.ATTACKS,
    *determinism.ATTACKS,
    *bit_flips.ATTACKS,
    *mutations.ATTACKS,
    *hostile_files.ATTACKS,
    *fuzzing.ATTACKS,
    *followed.ATTACKS,
    *audit.ATTACKS,
    *truncation.ATTACKS,
    *cut_while_read.ATTACKS,
    *shortage.ATTACKS,
    *non_finite.ATTACKS,
    *answers.ATTACKS,
    *golden.ATTACKS,
)
