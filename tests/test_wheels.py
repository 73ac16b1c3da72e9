"""The seven distributions as wheels, installed outside the tree."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

TREE = Path(__file__).parent.parent
PLUGINS = ("bits", "images", "listops", "proteins", "text", "timeseries")
SOURCES = [TREE, *(TREE / "plugins" / name for name in PLUGINS)]
TASKS = {
    "bits/memory",
    "bits/xor",
    "images/cifar10",
    "images/cifar10-lra",
    "images/digits",
    "images/folder",
    "images/mnist",
    "listops/lra",
    "proteins/fasta",
    "proteins/remote-homology",
    "text/bytes",
    "timeseries/classify",
    "timeseries/forecast",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The seven wheels, built from the tree as they would be released."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in SOURCES:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory):
    """An empty virtual environment with the wheels; what they depend on is found where this one has it."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    install = ["-m", "pip", "--python", str(place), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *install, *map(str, wheels)], check=True, capture_output=True)
    return place


def run(environment, tmp_path, *words):
    """A command of the environment. Folders on PYTHONPATH run no .pth file: nothing editable is seen."""
    variables = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    command = [str(environment / "bin" / words[0]), *words[1:]]
    return subprocess.run(
        command, cwd=tmp_path, env=variables, check=True, capture_output=True, text=True
    ).stdout


def test_every_task_is_there(environment, tmp_path):
    """``fpt tasks`` of the installed wheels lists every task, from outside the tree."""
    rows = json.loads(run(environment, tmp_path, "fpt", "tasks", "--json"))
    assert {row["name"] for row in rows} == TASKS


def test_the_package_is_the_installed_one(environment, tmp_path):
    """The modules that answer lie in the environment, and the registry's cards with them."""
    script = (
        "import fpt_plugins, fpt_bits.hooks; from fpt_plugins.registry import plugin_for_task\n"
        "print(fpt_plugins.__file__, fpt_bits.hooks.__file__, plugin_for_task('bits/xor').install, sep='\\n')"
    )
    core, plugin, install = run(environment, tmp_path, "python", "-c", script).splitlines()
    assert core.startswith(str(environment))
    assert plugin.startswith(str(environment))
    assert install == "pip install ./plugins/bits"


def test_the_registry_is_whole(environment, tmp_path):
    """``fpt registry`` of the installed wheels checks and shows every card of the tree, from outside it."""
    checked = run(environment, tmp_path, "fpt", "registry", "check")
    assert checked.strip() == f"{len([*(TREE / 'registry').glob('*/*.toml')])} cards checked"
    shown = run(environment, tmp_path, "fpt", "registry", "show", "images/digits")
    assert "\npip install ./plugins/images\n" in shown


def test_it_trains_and_predicts(environment, tmp_path):
    """A run of two steps and an evaluation, by the installed command, outside the tree."""
    tiny = ["--backbone", "gpt2-mini", "--backbone-option", "layers=1", "--steps", "2", "--out", "run"]
    run(environment, tmp_path, "fpt", "train", "bits/xor", *tiny)
    assert 0 <= json.loads(run(environment, tmp_path, "fpt", "evaluate", "run", "--json"))["accuracy"] <= 1


def checked(environment, tmp_path, *words):
    """The results of ``fpt check`` of the installed wheels, and those of them that failed."""
    command = [str(environment / "bin" / "fpt"), "check", *words, "--json"]
    variables = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    shown = subprocess.run(command, cwd=tmp_path, env=variables, check=False, capture_output=True, text=True)
    results = json.loads(shown.stdout)
    return results, [(each["check"], each["reason"]) for each in results if each["status"] == "failed"]


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["bits", "proteins"])
def test_the_suite_runs_outside_the_tree(environment, tmp_path, name):
    """``fpt check`` of the installed wheels: 28 results, none failed, in under a minute of processor time."""
    results, failed = checked(environment, tmp_path, name)
    assert failed == []
    assert len(results) == 28
    assert sum(result["seconds"] for result in results) < 60


@pytest.mark.heavy
def test_the_suite_for_backbones_runs_outside_the_tree(environment, tmp_path):
    """Likewise for a backbone, with its options."""
    words = ["--backbone", "lstm", "--backbone-option", "width=16"]
    results, failed = checked(environment, tmp_path, *words)
    assert failed == []
    assert len(results) == 17


PICTURES_IN = {"fpt_images": ["fpt_images/sample.png"]}
"""All that is no text, by package."""


def is_text(content):
    """Whether it is UTF-8 without a control character, which no binary pickle is."""
    try:
        return not [letter for letter in content.decode() if ord(letter) < 32 and letter not in "\t\n\r"]
    except UnicodeDecodeError:
        return False


def test_wheels_hold_what_they_name_and_no_pickle(wheels):
    """Each wheel has its package, its types marker and its licence, and besides text one picture."""
    assert len(wheels) == len(SOURCES)
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        package = wheel.name.split("-")[0]
        assert {name.split("/")[0].split("-")[0] for name in names} == {package}
        assert f"{package}/py.typed" in names
        assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".bin"))]
        assert [name for name in names if not is_text(zipfile.ZipFile(wheel).read(name))] == PICTURES_IN.get(
            package, []
        )


def test_both_bounds():
    """Every plugin requires this version of the core, and none that may break the contract."""
    import tomllib

    from packaging.requirements import Requirement
    from packaging.version import Version

    for source in SOURCES[1:]:
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        requirements = {Requirement(line).name: Requirement(line) for line in project["dependencies"]}
        bounds = requirements["fpt-plugins"].specifier
        assert Version("0.1.0") in bounds
        assert Version("0.2.0") not in bounds
        assert Version("0.0.9") not in bounds
