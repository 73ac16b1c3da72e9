"""The package: its entry point and hooks, and its documented examples."""

import doctest
import importlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import fpt_timeseries.hooks
from fpt_plugins import options

README = Path(__file__).parents[1] / "README.md"


def test_the_entry_point_is_found():
    """The distribution registers its hooks as 'timeseries', the prefix of its tasks' names."""
    (entry,) = entry_points(group="fpt_plugins", name="timeseries")
    assert entry.load() is fpt_timeseries.hooks
    names = [task.name for task in fpt_timeseries.hooks.fpt_tasks()]
    assert names == ["timeseries/classify", "timeseries/forecast"]


def test_listing_imports_nothing_heavy():
    """Importing the hooks and describing the tasks imports neither torch nor NumPy nor statsmodels."""
    code = (
        "import sys, fpt_timeseries.hooks as h; from fpt_plugins.options import describe; "
        "[describe(task) for task in h.fpt_tasks()]; print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "statsmodels"} & set(shown.stdout.split())


def test_every_option_has_help():
    """``fpt tasks`` has a sentence for each."""
    for task in fpt_timeseries.hooks.fpt_tasks():
        assert all(option.help for option in options.describe(task))


@pytest.mark.parametrize("module", ["gaps", "steps"])
def test_examples_in_docstrings_run(module):
    """Each example gives the output that is written below it, and there are some."""
    found = importlib.import_module(f"fpt_timeseries.{module}")
    result = doctest.testmod(found, extraglobs=vars(found))
    assert (result.failed, result.attempted > 0) == (0, True)


def test_examples_in_the_readme_run():
    """Each example gives the output that is written below it, and there are some."""
    result = doctest.testfile(str(README), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 3
