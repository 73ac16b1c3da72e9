"""``fpt new``: what it writes installs, trains, predicts and passes its own tests."""

import json
import os
import subprocess
import sys
import tomllib

import pytest

import fpt_plugins as fpt
from fpt_plugins import cli
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.listing import list_plugins
from fpt_plugins.prediction import predict, read_files
from fpt_plugins.scaffold import new_plugin, render


def test_every_file_is_written_and_filled_in(tmp_path):
    """The folder has what an author publishes, and no place is left to fill in but the workflow's own."""
    folder = new_plugin("bird-song", tmp_path / "fpt-bird-song")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"pyproject.toml", "README.md", ".github/workflows/test.yml", "tests/test_conformance.py"} <= found
    assert {"fpt_bird_song/hooks.py", "fpt_bird_song/sample.csv", "fpt_bird_song/py.typed"} <= found
    assert not [place for place in found if "template" in place or "package" in place]
    unfilled = [place for place in found if "$" in (folder / place).read_text()]
    assert unfilled == [".github/workflows/test.yml"]


def test_its_metadata_bind_it_to_this_contract():
    """The entry point is the plugin's name, and fpt-plugins is bounded below and above."""
    project = tomllib.loads(render("birds")["pyproject.toml"].decode())["project"]
    assert project["entry-points"] == {"fpt_plugins": {"birds": "fpt_birds.hooks"}}
    assert "fpt-plugins>=0.1,<0.2" in project["dependencies"]


@pytest.mark.parametrize("name", ["", "Birds", "bird song", "1birds", "birds-", "../birds", "bird_song"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    """Nothing is written for a name that is no lower-case word, or several with hyphens."""
    with pytest.raises(ConfigurationError, match="cannot be a plugin's name"):
        new_plugin(name, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_known_plugin_is_refused(tmp_path):
    """The registry's own plugins keep their names."""
    with pytest.raises(ConfigurationError, match="fpt-bits is a plugin named bits"):
        new_plugin("bits", tmp_path / "new")


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    """It is refused, and what is in it stays."""
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        new_plugin("birds", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_it_is_listed_trained_and_asked(tmp_path, install_project):
    """Listing shows its task; two steps give an adapter, which answers for its sample file."""
    folder = new_plugin("birds", tmp_path / "fpt-birds")
    install_project(folder)
    row = next(row for row in list_plugins() if row.plugin == "birds")
    assert (row.error, [task.name for task in row.tasks]) == (None, ["birds/trend"])
    fpt.train("birds/trend", backbone="gpt2-mini", init="random", steps=2, device="cpu", out=tmp_path / "run")
    arm = fpt.load(tmp_path / "run", device="cpu")
    sample = folder / "fpt_birds" / "sample.csv"
    answers = list(predict(arm, read_files(arm.task, [sample])))
    assert len(answers) == len(sample.read_text().splitlines()) == 120
    assert {answer["class"] for answer in answers} <= {"falls", "rises"}
    assert json.dumps(answers)


def test_its_floors_are_those_of_its_sample(tmp_path, install_project):
    """The majority floor is the share of train's commonest class in the split, counted here once more."""
    install_project(new_plugin("birds", tmp_path / "fpt-birds"))
    task = fpt.build("birds/trend", backbone="gpt2-mini", init="random", device="cpu").task
    train, test = ([label for _, label in task.split(name)] for name in ("train", "test"))
    commonest = max(set(train), key=train.count)
    floors = {floor.name: floor.value for floor in task.floors("test")}
    assert floors == {"chance": 0.5, "majority class": test.count(commonest) / len(test)}


def test_its_own_tests_pass(tmp_path, install_project):
    """An author's pytest passes in the new folder; tests/mutants runs all of the suite."""
    folder = new_plugin("birds", tmp_path / "fpt-birds")
    install_project(folder)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "trend or hooks or options",
    ]
    shown = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout
    assert "4 passed" in shown.stdout


def test_the_command_says_what_comes_next(tmp_path, monkeypatch, capsys):
    """The folder on standard output, and how to install and check it on standard error."""
    monkeypatch.chdir(tmp_path)
    assert cli.app.meta(["new", "birds"], result_action="return_value") == 0
    shown = capsys.readouterr()
    assert shown.out == "fpt-birds\n"
    assert shown.err == "next: pip install -e fpt-birds, then fpt check birds\n"
