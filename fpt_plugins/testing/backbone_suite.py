"""The checks of each suite for backbones. A suite's list is frozen: new checks arrive in the next one."""

from __future__ import annotations

from collections.abc import Callable

from fpt_plugins.errors import UnknownName
from fpt_plugins.testing import backbone_computation as computation
from fpt_plugins.testing import backbone_identity as identity
from fpt_plugins.testing import backbone_training as training
from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.checking import Check
from fpt_plugins.testing.result import Tier

_TIERS: dict[Tier, tuple[Callable[[BackboneSubject], None], ...]] = {
    "L1": (identity.check_facts, identity.check_building_is_offline),
    "L2": (
        computation.check_shapes,
        computation.check_padding,
        computation.check_batches,
        computation.check_causality,
        identity.check_max_length,
        computation.check_evaluation,
    ),
    "L3": (
        training.check_groups,
        training.check_blocks,
        training.check_gradients,
        training.check_parameters_train,
        training.check_passes_change_nothing,
        training.check_held_matrices,
        computation.check_dropout,
    ),
    "L4": (identity.check_seed, identity.check_digest),
}

BACKBONE_CHECKS: dict[str, Check[BackboneSubject]] = {
    function.__name__: Check(f"B{number:02}", function, tier)
    for number, (tier, function) in enumerate(((t, f) for t, found in _TIERS.items() for f in found), 1)
}
"""Every check by its name, in the order of the tiers."""

BACKBONE_SUITES = {"1": tuple(BACKBONE_CHECKS)}
"""The names of each suite's checks."""


def backbone_checks_of(suite: str) -> list[Check[BackboneSubject]]:
    """The checks of a suite.

    Raises:
        UnknownName: There is no such suite.
    """
    if suite not in BACKBONE_SUITES:
        raise UnknownName("conformance suite for backbones", suite, BACKBONE_SUITES)
    return [BACKBONE_CHECKS[name] for name in BACKBONE_SUITES[suite]]
