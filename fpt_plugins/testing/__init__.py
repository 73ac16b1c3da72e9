"""The conformance suites: what a plugin or a backbone must keep, as checks for authors and users.

Example:
    In a plugin's own tests, with pytest::

        from fpt_plugins.testing import parametrize_with_checks


        @parametrize_with_checks("bits", suite="1")
        def test_conformance(plugin, check):
            check(plugin)

    For users and in CI, each check in a process that may crash: ``fpt check bits``, and
    ``fpt check --backbone lstm``.
"""

from fpt_plugins.testing.earlier_releases import save_release
from fpt_plugins.testing.parametrization import parametrize_backbone_with_checks, parametrize_with_checks
from fpt_plugins.testing.result import NotApplicable, Result
from fpt_plugins.testing.running import check, check_backbone

__all__ = [
    "NotApplicable",
    "Result",
    "check",
    "check_backbone",
    "parametrize_backbone_with_checks",
    "parametrize_with_checks",
    "save_release",
]
