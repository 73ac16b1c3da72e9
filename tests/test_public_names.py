"""What ``import fpt_plugins as fpt`` offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fpt_plugins


@pytest.mark.parametrize("name", sorted({*fpt_plugins.__all__} - {"__version__", "SplitName"}))
def test_each_name_is_there_and_documented(name):
    """Every public name can be had, and says what it is."""
    value = getattr(fpt_plugins, name)
    assert getattr(value, "__doc__", None) or isinstance(value, fpt_plugins.Metric)


def test_names_for_the_type_checker_are_the_same():
    """The names that a type checker sees are those that are there when the program runs."""
    tree = ast.parse(Path(fpt_plugins.__file__).read_text())
    imports = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"
    ]
    seen = {
        (alias.asname, node.module)
        for node in imports
        for alias in node.names
        if node.module.startswith("fpt_")
    }
    there = {(name, f"fpt_plugins.{module}") for name, module in fpt_plugins._MODULE_OF.items()}
    assert seen == there


def test_an_unknown_name_is_an_attribute_error():
    """A name that is not public is refused as Python does."""
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        fpt_plugins.frobnicate  # noqa: B018 - the access is what is tested


def test_importing_is_light():
    """``import fpt_plugins`` imports neither torch nor NumPy."""
    script = "import sys, fpt_plugins; print('torch' in sys.modules, 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
