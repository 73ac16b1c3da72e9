"""The suite as a parametrized test, for a plugin's own tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import checks_of


def parametrize_with_checks(
    name: str, *, suite: str, expected_failed_checks: Mapping[str, str] | None = None
) -> Any:
    """Parametrizes a test over ``plugin`` and ``check``.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
        suite: The suite's version: ``"1"``.
        expected_failed_checks: Reasons by the names of checks that are known to fail. One that
            passes nevertheless fails the test.

    Raises:
        UnknownName: There is no such suite, or no such check in it.
        ConfigurationError: An expected failure without a reason.

    Example:
        >>> parametrize_with_checks("bits", suite="1").name
        'parametrize'
    """
    import pytest

    checks, expected = checks_of(suite), expected_failed_checks or {}
    for name_of_check, reason in expected.items():
        if name_of_check not in {check.name for check in checks}:
            raise UnknownName(f"check of suite {suite}", name_of_check, [check.name for check in checks])
        if not reason.strip():
            raise ConfigurationError(f"{name_of_check} is expected to fail, and no reason is given")
    plugin = Subject(name)
    parameters = []
    for check in checks:
        marks = pytest.mark.xfail(reason=expected[check.name], strict=True) if check.name in expected else ()
        parameters.append(pytest.param(plugin, check, id=check.name, marks=marks))
    return pytest.mark.parametrize(("plugin", "check"), parameters)
