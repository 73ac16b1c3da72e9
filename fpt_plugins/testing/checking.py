"""A check by its name: it is called with what it checks, or run for its result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import attrs

from fpt_plugins.errors import ConfigurationError, FptError, UnknownName
from fpt_plugins.testing.result import NotApplicable, Result, Status, Tier


class Checkable(Protocol):
    """What a suite checks."""

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """Reasons by the names of checks that are known to fail."""
        ...


S = TypeVar("S", bound=Checkable)


@attrs.frozen
class Check(Generic[S]):
    """One check: call it with what it checks.

    Args:
        number: ``C14``: its place in the suite's description.
        function: Returns where the contract is kept.
        tier: What a plugin is that passes this tier's checks and those of the tiers before.
    """

    number: str
    function: Callable[[S], None]
    tier: Tier

    @property
    def name(self) -> str:
        """``check_...``"""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """What it proves, in one sentence."""
        return (self.function.__doc__ or "").partition("\n")[0]

    def __call__(self, subject: S) -> None:
        """Raises where the contract is broken; ``NotApplicable`` where nothing is promised."""
        self.function(subject)

    def run(self, subject: S) -> Result:
        """The outcome, whatever the subject raises."""
        before = os.times()
        status, reason, remedy = self._judged(subject, *self._outcome(subject))
        spent = [after - start for after, start in zip(os.times()[:4], before[:4], strict=True)]
        return self.result(status, reason, remedy=remedy, seconds=round(sum(spent), 3))

    def result(self, status: Status, reason: str = "", **facts: Any) -> Result:
        """A result of this check."""
        return Result(
            number=self.number, check=self.name, tier=self.tier, status=status, reason=reason, **facts
        )

    def _outcome(self, subject: S) -> tuple[Status, str, str]:
        try:
            self(subject)
        except NotApplicable as error:
            return "not applicable", str(error), ""
        except FptError as error:
            return "failed", error.message, error.remedy
        except (Exception, SystemExit) as error:  # noqa: BLE001 # a plugin may raise anything
            return "failed", f"{type(error).__name__}: {error}", ""
        return "passed", "", ""

    def _judged(self, subject: S, status: Status, reason: str, remedy: str) -> tuple[Status, str, str]:
        """An outcome beside what was expected; an expectation is strict."""
        try:
            expected = subject.expected_failures.get(self.name)
        except (Exception, SystemExit):  # noqa: BLE001 # the check itself says what is broken
            expected = None
        if expected is None:
            return status, reason, remedy
        if status == "failed":
            return "expected failure", f"{expected} ({reason})", ""
        found = f"{self.name} is expected to fail ({expected}), and is {status}"
        return "failed", found, "take it out of the expected failures"


def check_expectations(expected: Mapping[str, str], names: list[str], suite: str) -> None:
    """Refuses expected failures that are no checks of the suite or have no reason.

    Raises:
        UnknownName: No such check.
        ConfigurationError: An expected failure without a reason.
    """
    for name, reason in expected.items():
        if name not in names:
            raise UnknownName(f"check of suite {suite}", name, names)
        if not reason.strip():
            raise ConfigurationError(f"{name} is expected to fail, and no reason is given")
