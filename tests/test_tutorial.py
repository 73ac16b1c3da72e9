"""docs/tutorial.md, followed step by step: its commands are typed and its files are written."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fpt_plugins import cli
from fpt_plugins.scaffold import new_plugin, render
from fpt_plugins.testing import check

TREE = Path(__file__).parent.parent
PAGE = (TREE / "docs" / "tutorial.md").read_text()
EXAMPLE = TREE / "examples" / "cells"
TYPED = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
QUICK = {"train": ["--backbone", "gpt2-mini", "--backbone-option", "layers=1", "--steps", "20"]}
"""What a command gets beside what the page says, so that a test can wait for it."""


@pytest.fixture
def plugin(tmp_path, install_project):
    """The folder of the plugin as the page makes it, installed."""
    folder = new_plugin("cells", tmp_path / "fpt-cells")
    (removal,) = (line.split()[1:] for line in TYPED if line.startswith("rm "))
    for place in removal:
        (folder / place).unlink()
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    install_project(folder)
    return folder


def test_the_page_types_what_the_tests_run():
    """Every step from ``fpt new`` to ``fpt export`` is there, in this order."""
    steps = [" ".join(line.split()[:2]) for line in TYPED if not line.startswith(("cd ", "rm "))]
    names = ("new", "check", "train", "evaluate", "predict", "export")
    assert steps == ["fpt new", "pip install", *(f"fpt {name}" for name in names[1:])]


def test_the_example_is_the_scaffold_but_for_its_dependency():
    """Its pyproject.toml is what ``fpt new cells`` writes, with scikit-learn in place of torch."""
    written = render("cells")["pyproject.toml"].decode()
    assert (EXAMPLE / "pyproject.toml").read_text() == written.replace('"torch>=2.6"', '"scikit-learn>=1.4"')
    assert '--8<-- "examples/cells/pyproject.toml:12:12"' in PAGE
    assert (EXAMPLE / "pyproject.toml").read_text().splitlines()[11].startswith("dependencies = ")


def test_the_code_is_about_sixty_lines():
    """As the title says, without blank ones."""
    lines = (EXAMPLE / "fpt_cells" / "hooks.py").read_text().splitlines()
    assert 55 <= len(list(filter(str.strip, lines))) <= 66


def test_it_trains_and_answers(plugin, monkeypatch, capsys):
    """The page's commands, at twenty steps on one block, answer for the sample; the floor is the page's."""
    monkeypatch.chdir(plugin)
    shown = {}
    for command, name, *words in map(str.split, TYPED):
        if command == "fpt" and name not in {"new", "check"}:
            assert cli.app.meta([name, *words, *QUICK.get(name, [])], result_action="return_value") == 0
            shown[name] = capsys.readouterr().out
    answers = [json.loads(line) for line in shown["predict"].splitlines()]
    assert [answer["id"] for answer in answers] == ["tumor 1", "tumor 20", "tumor 101"]
    assert "nearest mean 0.9298" in shown["evaluate"]
    assert "nearest mean 0.9298" in PAGE
    assert (plugin / "shared" / "adapter.safetensors").is_file()


@pytest.mark.heavy
def test_it_passes_the_suite(plugin):
    """As the page says: every check passed but the one that needs an earlier release."""
    found = {result.check: result.status for result in check("cells") if result.status != "passed"}
    assert found == {"check_earlier_releases": "not applicable"}
