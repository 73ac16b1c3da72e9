"""The conformance suite: what a plugin must keep, as checks that its author and its users run.

Example:
    In a plugin's own tests, with pytest::

        from fpt_plugins.testing import parametrize_with_checks


        @parametrize_with_checks("bits", suite="1")
        def test_conformance(plugin, check):
            check(plugin)

    For users and in CI, each check in a process that may crash: ``fpt check bits``.
"""

from fpt_plugins.testing.parametrization import parametrize_with_checks
from fpt_plugins.testing.result import NotApplicable, Result
from fpt_plugins.testing.running import check

__all__ = ["NotApplicable", "Result", "check", "parametrize_with_checks"]
