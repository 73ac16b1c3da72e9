"""The suite for backbones is itself tested: the reference passes it, and each of its checks can fail."""

import shutil
import tomllib
from pathlib import Path

import pytest

from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.backbone_suite import BACKBONE_CHECKS, BACKBONE_SUITES

HERE = Path(__file__).parent
MUTANTS = tomllib.loads((HERE / "backbone_mutants.toml").read_text())
CASES = [(check, mutant) for check, mutants in MUTANTS.items() for mutant in mutants]
BODY = "reference-body:blocks"


@pytest.fixture
def project(tmp_path):
    """The reference as a project."""
    return shutil.copytree(HERE / "reference_body", tmp_path / "project")


def test_every_check_has_its_mutant():
    """The table has a defect for each check of the suite, in its order."""
    assert tuple(MUTANTS) == BACKBONE_SUITES["1"]


def test_the_reference_passes_every_check(project, install_project):
    """No check fails on the backbone without a defect, and none says that it does not apply."""
    install_project(project)
    results = [check.run(BackboneSubject(BODY)) for check in BACKBONE_CHECKS.values()]
    assert [(result.check, result.reason) for result in results if result.status != "passed"] == []


@pytest.mark.parametrize(("check", "mutant"), CASES, ids=[f"{c}: {m['defect']}" for c, m in CASES])
def test_a_mutant_is_killed_by_its_check(project, install_project, check, mutant):
    """The check fails on the backbone that has its defect."""
    for edit in filter(None, (mutant, mutant.get("also"))):
        path = project / "fpt_reference_body" / edit["file"]
        assert path.read_text().count(edit["old"]) == 1
        path.write_text(path.read_text().replace(edit["old"], edit["new"]))
    install_project(project)
    assert BACKBONE_CHECKS[check].run(BackboneSubject(BODY)).status == "failed"
