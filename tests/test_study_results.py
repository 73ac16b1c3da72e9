"""What a report reads: every cell with what became of it, from the study's folder alone."""

import json
import shutil

import pytest

from fpt_plugins import cli
from fpt_plugins.study.results import read_results


@pytest.fixture(scope="module")
def over(small_study, run_small, new_direct_workers):
    """A study that is over, with a comparison."""
    compared = [{"first": "train=fpt", "second": "train=head", "question": "Does more help?"}]
    return run_small(small_study(comparisons=compared), new_direct_workers())


def test_every_cell_has_its_run(over):
    """Folder, record, configuration and rows are those of the run that the cell names."""
    for cell in over.cells:
        assert cell.folder == over.folder / "cells" / cell.identity
        assert cell.record.configuration == cell.configuration
        assert (cell.configuration["lr"], cell.configuration["seed"]) == (cell.lr, cell.seed)
        assert [row["step"] for row in cell.rows("train")] == [1, 2, 3, 4]
        assert [row["step"] for row in cell.rows("validation")] == [2, 4]
        assert (cell.test is not None) == (cell.role == "final")
        assert {floor.name for floor in cell.validation.floors} >= {"chance"}
    assert over.threads == {1: 6}


def test_the_comparisons_are_pairs_of_arms(over):
    """As the study decided beforehand, on every task."""
    (pair,) = over.pairs()
    assert (pair[0].name, pair[1].name, pair[2]) == ("train=fpt", "train=head", "Does more help?")


def test_the_command_of_a_cell_trains_it_anew(over, tmp_path):
    """Typed in a shell, a cell's command line gives the same adapter, bit for bit."""
    cell = over.cells[-1]
    words = cell.command.split()
    assert words[:3] == ["fpt", "train", "bits/xor"]
    cli.app([*words[1:], "--device", "cpu", "--out", str(tmp_path / "again")], result_action="return_value")
    adapter = "adapter/adapter.safetensors"
    assert (tmp_path / "again" / adapter).read_bytes() == (cell.folder / adapter).read_bytes()


def test_a_folder_that_moved_is_read_as_it_was(over, tmp_path, monkeypatch):
    """Elsewhere, where no plugin and no weights are, the same is found."""
    shutil.copytree(over.folder, tmp_path / "moved")
    monkeypatch.setattr("fpt_plugins.plugins.Plugins.for_task", None)
    moved = read_results(tmp_path / "moved")
    assert [cell.test for cell in moved.cells] == [cell.test for cell in over.cells]
    assert moved.complete


def test_status_and_add_are_commands(over, tmp_path, capsys):
    """The table names arms, rates and standing; what was added is missing then."""
    shutil.copytree(over.folder, tmp_path / "study")
    for words in (["status", "--cells"], ["status"]):
        cli.app(["study", words[0], str(tmp_path / "study"), *words[1:]], result_action="return_value")
    shown = capsys.readouterr().out
    assert "6 of 6 runs done" in shown
    assert "train=fpt" in shown
    cli.app(["study", "add", str(tmp_path / "study"), "seed=7"], result_action="return_value")
    assert "seed=7" in capsys.readouterr().out
    assert json.loads((tmp_path / "study" / "study.json").read_text())["seeds"] == [0, 1, 7]
