"""The conformance suite is itself tested: the references pass it, and each of its checks can fail."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from fpt_plugins.scaffold import render
from fpt_plugins.testing import save_release
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS, SUITES

pytestmark = pytest.mark.heavy

HERE = Path(__file__).parent
MUTANTS = tomllib.loads((HERE / "mutants.toml").read_text())
CASES = [(check, mutant) for check, mutants in MUTANTS.items() for mutant in mutants]
LATER = tomllib.loads((HERE / "later_mutants.toml").read_text())["mutants"]
RELEASES = "tests/releases"


def write(project, mutant=None):
    """A reference plugin as a project."""
    name = mutant.get("project", "reference") if mutant else "reference"
    if name != "reference":
        shutil.copytree(HERE / name.replace("-", "_"), project)
        return name
    for place, content in render(name).items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return name


def spoil(project, mutant):
    """Puts a mutant's defect into a project."""
    for edit in filter(None, (mutant, mutant.get("also"), mutant.get("then"))):
        path = project / edit["file"]
        assert path.read_text().count(edit["old"]) == 1
        path.write_text(path.read_text().replace(edit["old"], edit["new"]))


@pytest.fixture
def mutant_status(tmp_path, install_project):
    """A function from a mutant and a check's name to the status."""

    def status(mutant, check):
        project = tmp_path / "project"
        name = write(project, mutant)
        if check == "check_earlier_releases":  # the defect comes after a release
            install_project(project)
            save_release(name, project / RELEASES)
            forget(name)
            spoil(project, mutant)
        else:
            spoil(project, mutant)
            install_project(project)
        return CHECKS[check].run(Subject(name)).status

    return status


def forget(name):
    """Removes a plugin's modules: the next import reads the files as they are then."""
    package = f"fpt_{name.replace('-', '_')}"
    for module in [each for each in sys.modules if each.partition(".")[0] == package]:
        del sys.modules[module]


def test_every_check_has_its_mutant():
    """The table has a defect for each check of the suite, in its order."""
    assert tuple(MUTANTS) == SUITES["1"]


@pytest.mark.parametrize("name", ["reference", "next-symbol"])
def test_a_reference_passes_every_check(tmp_path, install_project, name):
    """With a release behind it all checks apply, none fails, and together they take under a minute."""
    write(tmp_path / "project", {"project": name})
    install_project(tmp_path / "project")
    save_release(name, tmp_path / "project" / RELEASES)
    plugin = Subject(name)
    results = [check.run(plugin) for check in CHECKS.values()]
    assert [(result.check, result.reason) for result in results if result.status != "passed"] == []
    assert sum(result.seconds for result in results) < 60


@pytest.mark.parametrize(("check", "mutant"), CASES, ids=[f"{c}: {m['defect']}" for c, m in CASES])
def test_a_mutant_is_killed_by_its_check(mutant_status, check, mutant):
    """The check fails on the plugin that has its defect."""
    assert mutant_status(mutant, check) == "failed"


@pytest.mark.parametrize("mutant", LATER, ids=[mutant["defect"] for mutant in LATER])
def test_a_mutant_that_no_check_was_written_for_dies(mutant_status, mutant):
    """These were written after the checks; the first that found each is named beside it."""
    assert mutant_status(mutant, mutant["killed_by"]) == "failed"
