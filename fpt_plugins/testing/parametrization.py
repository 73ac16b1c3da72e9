"""The suites as parametrized tests, for an author's own tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fpt_plugins.errors import FptError
from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.backbone_suite import backbone_checks_of
from fpt_plugins.testing.checking import Check, check_expectations
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import checks_of

if TYPE_CHECKING:
    from fpt_plugins.backbone import BackboneSpec


def parametrize_with_checks(
    name: str, *, suite: str, expected_failed_checks: Mapping[str, str] | None = None
) -> Any:
    """Parametrizes a test over ``plugin`` and ``check``.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
        suite: The suite's version: ``"1"``.
        expected_failed_checks: Reasons by the names of checks that are known to fail, beside those in
            ``conformance.toml``. One that passes nevertheless fails the test.

    Raises:
        UnknownName: There is no such suite, or no such check in it.
        ConfigurationError: An expected failure without a reason.

    Example:
        >>> parametrize_with_checks("bits", suite="1").name
        'parametrize'
    """
    plugin = Subject(name)
    try:
        declared = plugin.expected_failures
    except FptError:  # the tests say what is wrong with the plugin
        declared = {}
    expected = {**declared, **(expected_failed_checks or {})}
    return _parametrized("plugin", plugin, checks_of(suite), expected, suite)


def parametrize_backbone_with_checks(
    backbone: str | BackboneSpec,
    *,
    suite: str,
    options: Mapping[str, Any] | None = None,
    init: str | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> Any:
    """Parametrizes a test over ``backbone`` and ``check``.

    Args:
        backbone: As ``--backbone`` takes it (``plugin:name``), or its spec.
        suite: The suite's version: ``"1"``.
        options: The backbone's options by name, for a body of seconds: ``{"layers": 2}``.
        init: How it is filled; ``random`` where it knows that, else its first way.
        expected_failed_checks: Reasons by the names of checks that are known to fail.

    Raises:
        UnknownName: There is no such suite, or no such check in it.
        ConfigurationError: An expected failure without a reason.

    Example:
        >>> parametrize_backbone_with_checks("none", suite="1").name
        'parametrize'
    """
    subject = BackboneSubject(backbone, options, init=init)
    return _parametrized("backbone", subject, backbone_checks_of(suite), expected_failed_checks or {}, suite)


def _parametrized(
    argument: str, subject: Any, checks: Sequence[Check[Any]], expected: Mapping[str, str], suite: str
) -> Any:
    import pytest

    check_expectations(expected, [check.name for check in checks], suite)
    parameters = []
    for check in checks:
        marks = pytest.mark.xfail(reason=expected[check.name], strict=True) if check.name in expected else ()
        parameters.append(pytest.param(subject, check, id=check.name, marks=marks))
    return pytest.mark.parametrize((argument, "check"), parameters)
