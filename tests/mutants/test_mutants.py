"""The conformance suite is itself tested: the reference passes it, and each of its checks can fail."""

import tomllib
from pathlib import Path

import pytest

from fpt_plugins.scaffold import render
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS, SUITES

pytestmark = pytest.mark.heavy

MUTANTS = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text())


def write(project, mutant=None):
    """The reference plugin as a project, with one mutant's defect in it."""
    for place, content in render("reference").items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if mutant is not None:
        path = project / mutant["file"]
        assert path.read_text().count(mutant["old"]) == 1
        path.write_text(path.read_text().replace(mutant["old"], mutant["new"]))
    return project


def test_every_check_has_its_mutant():
    """The table has one defect for each check of the suite, in its order."""
    assert tuple(MUTANTS) == SUITES["1"]


def test_the_reference_passes_every_check(tmp_path, install_project):
    """No check fails on the plugin without a defect, and none says that it does not apply."""
    install_project(write(tmp_path / "reference"))
    plugin = Subject("reference")
    results = [check.run(plugin) for check in CHECKS.values()]
    assert [(result.check, result.reason) for result in results if result.status != "passed"] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_killed_by_its_check(tmp_path, install_project, name):
    """The check fails on the plugin that has its defect."""
    install_project(write(tmp_path / "reference", MUTANTS[name]))
    assert CHECKS[name].run(Subject("reference")).status == "failed"
