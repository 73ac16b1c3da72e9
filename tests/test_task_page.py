"""``fpt tasks NAME`` shows one task whole."""

import json
import subprocess
import sys

import pytest

from fpt_plugins import UnknownName
from fpt_plugins.task_page import task_page


def fpt(*words):
    """Runs ``python -m fpt_plugins tasks``."""
    command = [sys.executable, "-m", "fpt_plugins", "tasks", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_option_is_shown_with_type_default_and_help():
    """Those of the class, with the help that its author wrote; and the recipe and the card."""
    shown = " ".join(fpt("bits/xor").stdout.split())
    for words in ("strings 2 int", "one of ids, values", "seeds the permutation"):
        assert words in shown
    for words in ("steps=1200", "Last(n=5)", "ids of 2 symbols, at most 10", "Table 2", "add --splits"):
        assert words in shown


def test_the_data_are_read_on_request():
    """XOR of two strings of 5 bits has 1,024 inputs, an eighth of which validates and an eighth tests."""
    page = json.loads(fpt("bits/xor", "--splits", "--json").stdout)
    assert page["splits"] == {"train": 768, "validation": 128, "test": 128}
    assert {"name": "chance", "metric": "accuracy", "value": 0.5}.items() <= page["floors"][0].items()


def test_options_change_what_is_declared():
    """Strings of 8 bits make sequences of 16."""
    assert task_page("bits/xor", {"length": "8"}).sequence == "ids of 2 symbols, at most 16 in a sample"


def test_a_task_of_ones_own_files_says_what_it_needs():
    """Without them its classes are not known; the rest of the page stands."""
    page = task_page("images/folder", {})
    assert "--option path=DIR" in page.target
    assert page.metrics == ["accuracy"]


def test_a_path_is_an_option_in_words():
    """No Python type is shown."""
    types = {option.name: option.type for option in task_page("images/folder", {}).options}
    assert types["path"] == "Path or none"


@pytest.mark.parametrize(("name", "options"), [("bits/xxor", {}), ("bits/xor", {"lenght": "5"})])
def test_an_unknown_name_is_answered(name, options):
    """A task or an option that is not there is refused with the nearest."""
    with pytest.raises(UnknownName, match="did you mean"):
        task_page(name, options)
