"""The plugins of this tree keep the contract, by the suite that authors are given."""

import pytest

from fpt_plugins.testing import parametrize_with_checks


@parametrize_with_checks("bits", suite="1")
def test_bits(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


IN_FRESH_PROCESSES = {
    "check_other_processes",
    "check_same_seed_same_data",
    "check_reading_runs_no_code",
    "check_frozen",
    "check_save_and_load",
    "check_long_runs",
}
"""They take seconds each, most of them imports: for one plugin in every run, for all in `make heavy`."""


def mostly_quick(parametrized):
    """The same parameters, those in fresh processes marked as heavy."""
    names, parameters = parametrized.args
    marked = [
        pytest.param(*each.values, id=each.id, marks=pytest.mark.heavy)
        if each.id in IN_FRESH_PROCESSES
        else each
        for each in parameters
    ]
    return pytest.mark.parametrize(names, marked)


@mostly_quick(parametrize_with_checks("images", suite="1"))
def test_images(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@mostly_quick(parametrize_with_checks("listops", suite="1"))
def test_listops(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@mostly_quick(parametrize_with_checks("proteins", suite="1"))
def test_proteins(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@mostly_quick(parametrize_with_checks("text", suite="1"))
def test_text(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)
