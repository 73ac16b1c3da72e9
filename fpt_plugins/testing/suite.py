"""The checks of each suite for plugins. A suite's list is frozen: new checks arrive in the next one."""

from __future__ import annotations

from collections.abc import Callable

from fpt_plugins.errors import UnknownName
from fpt_plugins.testing import (
    batches,
    contents,
    damage,
    earlier_releases,
    endurance,
    freezing,
    installation,
    known_answers,
    leakage,
    modules,
    records,
    refusals,
    sharing,
)
from fpt_plugins.testing.checking import Check
from fpt_plugins.testing.result import Tier
from fpt_plugins.testing.subject import Subject

_TIERS: dict[Tier, tuple[Callable[[Subject], None], ...]] = {
    "L1": (
        installation.check_metadata,
        installation.check_import_changes_nothing,
        installation.check_other_processes,
        installation.check_hooks,
        installation.check_options,
        installation.check_offline_data,
    ),
    "L2": (
        contents.check_same_seed_same_data,
        contents.check_splits_are_disjoint,
        contents.check_indexing,
        contents.check_reading_order,
        contents.check_items_are_copies,
        refusals.check_lengths,
        refusals.check_json_samples,
        damage.check_damaged_files,
        damage.check_reading_runs_no_code,
        records.check_every_record_is_counted,
    ),
    "L3": (
        modules.check_widths,
        modules.check_parameters,
        freezing.check_frozen,
        modules.check_gradients,
        batches.check_batches,
        leakage.check_nothing_leaks,
        known_answers.check_known_answers,
    ),
    "L4": (
        sharing.check_save_and_load,
        earlier_releases.check_earlier_releases,
        sharing.check_answers,
        sharing.check_errors_are_attributed,
        endurance.check_long_runs,
    ),
}

CHECKS: dict[str, Check[Subject]] = {
    function.__name__: Check(f"C{number:02}", function, tier)
    for number, (tier, function) in enumerate(((t, f) for t, found in _TIERS.items() for f in found), 1)
}
"""Every check by its name, in the order of the tiers."""

SUITES = {"1": tuple(CHECKS)}
"""The names of each suite's checks."""


def checks_of(suite: str) -> list[Check[Subject]]:
    """The checks of a suite.

    Raises:
        UnknownName: There is no such suite.
    """
    if suite not in SUITES:
        raise UnknownName("conformance suite", suite, SUITES)
    return [CHECKS[name] for name in SUITES[suite]]
