"""A study's grid: what is trained, in which order, how often, and what is done with what fails."""

import shutil

import attrs
import pytest

from fpt_plugins import ConfigurationError, UnknownName
from fpt_plugins.study.extension import add_to_study
from fpt_plugins.study.results import read_results
from fpt_plugins.study.study_file import load_study
from fpt_plugins.study.workers import Outcome


def asked(workers):
    return [(job.work, job.identity) for job in workers.jobs]


class Failing:
    """Workers of whom some cells come to nothing, in a way that the test decides."""

    def __init__(self, workers, fails):
        self.workers, self.fails, self.count = workers, fails, 1

    def submit(self, job):
        self.workers.submit(job)

    def wait(self):
        job = self.workers.waiting[-1]
        found = self.fails(job)
        if found is None:
            return self.workers.wait()
        self.workers.waiting.pop()
        return attrs.evolve(found, job=job)

    def stop(self):
        pass


@pytest.fixture(scope="module")
def over(small_study, run_small, new_direct_workers, tmp_path_factory):
    """A study that is over, and who trained it."""
    folder, workers = tmp_path_factory.mktemp("over") / "study", new_direct_workers()
    return run_small(small_study(), workers, folder), workers


@pytest.fixture
def done(over, tmp_path):
    """A copy of it."""
    shutil.copytree(over[0].folder, tmp_path / "study")
    return read_results(tmp_path / "study"), over[1]


def test_each_cell_is_trained_once(done):
    """Two arms: two rates at the sweep's seed, then the chosen one at the other seed; no run twice."""
    results, workers = done
    trained = [identity for work, identity in asked(workers) if work == "train"]
    assert len(trained) == len(set(trained)) == 2 * 2 + 2
    assert len(list((results.folder / "cells").iterdir())) == 6
    assert [cell.role for cell in results.cells] == ["sweep"] * 4 + ["final"] * 4
    assert results.complete


def test_the_rate_is_the_best_on_validation_data(done):
    """Each arm's rate is that of the best validation accuracy, then of the lower loss, of its own sweep."""
    results, _ = done
    for choice in results.choices:
        sweep = results.select(choice.task, choice.arm, "sweep")
        scores = {cell.lr: cell.validation.metrics for cell in sweep}
        best = max(scores, key=lambda rate: (scores[rate]["accuracy"], -scores[rate]["loss"]))
        assert choice.rate == best
        assert {cell.lr for cell in results.select(choice.task, choice.arm, "final")} == {best}
        assert {score.rate: score.score for score in choice.scores} == {
            rate: metrics["accuracy"] for rate, metrics in scores.items()
        }


def test_the_test_split_is_read_once_and_last(done):
    """Final cells alone are scored on it, when nothing is left to train, each once."""
    results, workers = done
    works = [work for work, _ in asked(workers)]
    assert works == ["train"] * 6 + ["test"] * 4
    finals = {cell.identity for cell in results.cells if cell.role == "final"}
    tested = {cell.identity for cell in results.cells if cell.record and "test" in cell.record.evaluations}
    assert tested == finals
    assert {cell.test.reads for cell in results.cells if cell.test} == {1}


def test_a_second_run_does_nothing(done, run_small, direct_workers):
    """What is done is done."""
    results, _ = done
    assert run_small(results.study, direct_workers, results.folder) == results
    assert direct_workers.jobs == []


@pytest.mark.parametrize(
    ("word", "trained"),
    [
        ("seed=2", 2),  # the new seed of both arms
        ("train=head,layer_norm", 3),  # two rates, and the second seed of the new arm
        ("lr=1e-9", 2),  # a rate of both arms, too small to be chosen
    ],
)
def test_what_is_added_alone_is_trained(done, run_small, direct_workers, word, trained):
    """After ``fpt study add`` the old cells stay as they are, and only new ones are asked for."""
    results, _ = done
    study = add_to_study(results.folder, word)
    assert study == load_study(results.folder) != results.study
    again = run_small(study, direct_workers, results.folder)
    kept = {cell.identity for cell in results.cells}
    new = [identity for work, identity in asked(direct_workers) if work == "train"]
    assert len(new) == trained
    assert not kept & set(new)
    assert kept <= {cell.identity for cell in again.cells}
    assert again.complete


def test_more_tasks_and_axes_can_be_added(done):
    """A task, an axis that was none (what it was stays its first value), and an arm where arms decide."""
    folder = done[0].folder
    assert add_to_study(folder, "batch-size=3").axes["batch_size"] == (4, 3)
    assert [task.label for task in add_to_study(folder, "task=bits/memory").tasks] == [
        "bits/xor",
        "bits/memory",
    ]
    with pytest.raises(ConfigurationError, match="already"):
        add_to_study(folder, "seed=1")


def test_adding_what_is_no_axis_is_refused(done):
    """With the nearest name, and nothing is written."""
    results, _ = done
    with pytest.raises(UnknownName, match="dropout"):
        add_to_study(results.folder, "dropuot=0.1")
    assert load_study(results.folder) == results.study


def test_a_poison_cell_is_tried_a_bounded_number_of_times(small_study, run_small, direct_workers):
    """It is marked with its reason; its rate cannot be chosen; all others are done; a retry forgets it."""
    burning = {0.01}

    def poison(job):
        return Outcome(job=None, reason="it burns") if job.settings["lr"] in burning else None

    study = small_study(stopping={"attempts": 2})
    results = run_small(study, Failing(direct_workers, poison))
    burnt = [cell for cell in results.cells if cell.status == "failed"]
    assert {(cell.lr, cell.reason, cell.attempts) for cell in burnt} == {(0.01, "it burns", 2)}
    assert [choice.rate for choice in results.choices] == [0.001, 0.001]
    assert all(cell.test for cell in results.cells if cell.role == "final")
    tried = [identity for _, identity in asked(direct_workers)].count(burnt[0].identity)
    assert tried == 2
    assert "2 failed" in results.standing()
    burning.clear()
    assert run_small(study, direct_workers, results.folder, retry=True).complete


def test_an_arm_whose_rates_all_failed_is_a_hole(small_study, run_small, direct_workers):
    """Its final cells are missing for a stated reason, and the other arm has its results."""

    def poison(job):
        return Outcome(job=None, reason="it burns") if job.settings["train"] == "fpt" else None

    results = run_small(small_study(stopping={"attempts": 1}), Failing(direct_workers, poison))
    holes = results.select("bits/xor", "train=fpt", "final")
    assert [(cell.status, cell.lr) for cell in holes] == [("missing", None)] * 2
    assert all("every learning rate failed" in cell.reason for cell in holes)
    assert all(cell.test for cell in results.select("bits/xor", "train=head", "final"))


def test_a_killed_worker_that_got_further_has_not_failed(small_study, run_small, direct_workers):
    """A death is counted only where the cell has not saved more than it began with."""
    deaths = []

    def kill(job):
        saved = job.folder / "checkpoints" / f"step-{len(deaths) + 1:09d}"
        if len(deaths) == 5:
            return None
        deaths.append(job.identity)
        saved.mkdir(parents=True)
        return Outcome(job=None, reason="killed", died=True)

    results = run_small(small_study(stopping={"attempts": 1}), Failing(direct_workers, kill))
    assert len(deaths) == 5
    assert set(deaths) == {deaths[0]}
    assert results.complete


def test_a_killed_worker_that_got_nowhere_has_failed(small_study, run_small, direct_workers):
    """Deaths without a new checkpoint are attempts like others."""
    killed = Outcome(job=None, reason="killed", died=True)
    results = run_small(small_study(stopping={"attempts": 2}), Failing(direct_workers, lambda _: killed))
    assert {(cell.status, cell.attempts) for cell in results.cells if cell.lr} == {("failed", 2)}


@pytest.mark.parametrize("stopping", [{"cells": 3}, {"seconds": 1e-9}])
def test_a_budget_begins_no_further_cell(small_study, run_small, direct_workers, stopping):
    """Three cells, or one that used up all time; what is missing is said, and a greater budget goes on."""
    results = run_small(small_study(stopping=stopping), direct_workers)
    count = stopping.get("cells", 1)
    assert [work for work, _ in asked(direct_workers)].count("train") == count
    assert f"{count} of 6 runs done" in results.standing()
    assert not results.complete
    assert run_small(small_study(), direct_workers, results.folder).complete


def test_a_run_that_comes_first(small_study, run_small, direct_workers):
    """An arm that begins where another run ended waits for it, and has its body."""
    body = {"train": "full", "lr": 1e-3, "task": "bits/xor"}
    arms = {"ours": {"init": "before:other"}, "drawn": {}}
    study = small_study(axes={}, arms=arms, before={"other": body})
    results = run_small(study, direct_workers)
    first = next(cell for cell in results.cells if cell.role == "before")
    assert asked(direct_workers)[0] == ("train", first.identity)
    digests = {cell.arm: cell.record.source_digest for cell in results.cells if cell.record}
    assert len(set(digests.values())) == 3
    assert results.complete


def test_a_folder_is_one_studys(done, small_study, run_small, direct_workers):
    """Another name, or one task of it alone, is not written over what is there."""
    results, _ = done
    for study in (small_study(name="other"), results.study.of_task("bits/xor")):
        with pytest.raises(ConfigurationError, match="holds small at laptop scale"):
            run_small(study, direct_workers, results.folder)
    assert load_study(results.folder) == results.study


def test_wrong_names_are_refused_before_there_is_a_folder(small_study, run_small, direct_workers, tmp_path):
    """A run that comes first and is not there, or a policy that is none: nothing has begun."""
    for tables in ({"arms": {"a": {"init": "before:othr"}}}, {"arms": {"a": {"options": {"lenght": 3}}}}):
        with pytest.raises(UnknownName):
            run_small(small_study(axes={}, **tables), direct_workers, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_what_is_asked_no_more_is_named(done, run_small, small_study, direct_workers):
    """Folders of an arm that the study has lost stay, and are listed."""
    results = run_small(small_study(axes={"train": ["fpt"]}), direct_workers, done[0].folder)
    assert len(results.unasked) == 3
    assert len(results.cells) == 4
    assert direct_workers.jobs == []
