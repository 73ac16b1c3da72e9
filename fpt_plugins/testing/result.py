"""What a check says: passed, failed, failed as expected, or not applicable and why."""

from __future__ import annotations

import unittest
from typing import Literal, TypeAlias

import attrs

from fpt_plugins.errors import FptError

Tier: TypeAlias = Literal["L1", "L2", "L3", "L4"]
TIERS: tuple[Tier, ...] = ("L1", "L2", "L3", "L4")

Status: TypeAlias = Literal["passed", "failed", "expected failure", "not applicable"]
STATUSES: tuple[Status, ...] = ("passed", "failed", "not applicable", "expected failure")


class NotApplicable(unittest.SkipTest):
    """A check that the plugin's declared capabilities rule out; pytest skips it with the reason."""


class ContractBroken(FptError):
    """A plugin that does not keep what a check asks for: what was found, and what to do."""

    exit_code = 3


@attrs.frozen(kw_only=True)
class Result:
    """The outcome of one check.

    Args:
        number: ``C01`` to ``C28`` for a plugin, ``B01`` and so on for a backbone.
        check: The check's name.
        tier: ``L1`` safe to install, ``L2`` data, ``L3`` trains, ``L4`` shares and serves.
        status: ``passed``, ``failed``, ``not applicable``, or ``expected failure``: one that was
            declared with its reason.
        reason: Why it failed or does not apply; empty where it passed.
        remedy: What to do about a failure.
        seconds: Of processor time, that of the processes which it started included.
    """

    number: str
    check: str
    tier: Tier
    status: Status
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
