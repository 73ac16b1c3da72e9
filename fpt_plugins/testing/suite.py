"""The checks of each suite. A suite's list is frozen: new checks arrive in the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs

from fpt_plugins.errors import FptError, UnknownName
from fpt_plugins.testing import contents, fitting, installation, learning, refusals, sharing
from fpt_plugins.testing.result import NotApplicable, Result, Status, Tier
from fpt_plugins.testing.subject import Subject


@attrs.frozen
class Check:
    """One check: call it with a plugin.

    Args:
        function: Returns where the plugin keeps the contract.
        tier: What a plugin is that passes this tier's checks and those of the tiers before.
    """

    function: Callable[[Subject], None]
    tier: Tier

    @property
    def name(self) -> str:
        """``check_...``"""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """What it proves, in one sentence."""
        return (self.function.__doc__ or "").partition("\n")[0]

    def __call__(self, plugin: Subject) -> None:
        """Raises where the plugin breaks the contract; ``NotApplicable`` where it promises nothing."""
        self.function(plugin)

    def run(self, plugin: Subject) -> Result:
        """The outcome, whatever the plugin raises."""
        start = time.perf_counter()
        status, reason, remedy = self._outcome(plugin)
        seconds = round(time.perf_counter() - start, 3)
        return self.result(status, reason, remedy=remedy, seconds=seconds)

    def result(self, status: Status, reason: str = "", **facts: Any) -> Result:
        """A result of this check."""
        return Result(check=self.name, tier=self.tier, status=status, reason=reason, **facts)

    def _outcome(self, plugin: Subject) -> tuple[Status, str, str]:
        try:
            self(plugin)
        except NotApplicable as error:
            return "not applicable", str(error), ""
        except FptError as error:
            return "failed", error.message, error.remedy
        except (Exception, SystemExit) as error:  # noqa: BLE001 # a plugin may raise anything
            return "failed", f"{type(error).__name__}: {error}", ""
        return "passed", "", ""


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
        refusals.check_damaged_files,
        refusals.check_reading_runs_no_code,
        refusals.check_errors_name_the_place,
    ),
    "L3": (
        learning.check_widths,
        learning.check_parameters,
        learning.check_frozen,
        learning.check_gradients,
        learning.check_batches,
        learning.check_scores,
        fitting.check_learning,
        fitting.check_target_is_not_in_the_input,
    ),
    "L4": (
        sharing.check_save_and_load,
        sharing.check_answers,
        sharing.check_no_assertions,
        sharing.check_open_files,
    ),
}

CHECKS = {function.__name__: Check(function, tier) for tier, found in _TIERS.items() for function in found}
"""Every check by its name, in the order of the tiers."""

SUITES = {"1": tuple(CHECKS)}
"""The names of each suite's checks."""


def checks_of(suite: str) -> list[Check]:
    """The checks of a suite.

    Raises:
        UnknownName: There is no such suite.
    """
    if suite not in SUITES:
        raise UnknownName("conformance suite", suite, SUITES)
    return [CHECKS[name] for name in SUITES[suite]]
