"""Cells that share their passes: what they are, what they compute, and what happens when one is lost."""

import shutil
import signal
import sys
from unittest import mock

import attrs
import pytest

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError
from fpt_plugins.bank import Bank
from fpt_plugins.configuration import Configuration
from fpt_plugins.study.bank_job import BankJob
from fpt_plugins.study.banks import can_share
from fpt_plugins.study.ledger import Ledger
from fpt_plugins.study.planning import Planner
from fpt_plugins.study.results import read_results
from fpt_plugins.study.workers import Outcome
from fpt_plugins.sweep import Sweep

RATES = (1e-3, 1e-2)


@pytest.fixture(scope="module")
def one_body(small_study):
    """A function that gives a study of one arm, two rates and three seeds over one body."""

    def make(**tables):
        settings = {**small_study().settings, "init_seed": 0, **tables.pop("settings", {})}
        return small_study(**{"settings": settings, "axes": {}, "seeds": [0, 1, 2], **tables})

    return make


@pytest.fixture(scope="module")
def calm(one_body, run_small, new_direct_workers):
    """It trained in banks, and who did it."""
    workers = new_direct_workers()
    return run_small(one_body(), workers, bank=True), workers


@pytest.fixture
def done(calm, tmp_path):
    """A copy of it."""
    shutil.copytree(calm[0].folder, tmp_path / "study")
    return read_results(tmp_path / "study")


def adapter(folder):
    return (folder / "adapter" / "adapter.safetensors").read_bytes()


def adapters(results):
    return {cell.identity: adapter(cell.folder) for cell in results.cells}


def trained(workers):
    return [job for job in workers.jobs if job.work == "train"]


def test_a_sweep_is_a_bank_and_so_are_the_further_seeds(calm):
    """Two rates at the sweep's seed, then two further seeds at the chosen rate; each cell recorded once."""
    results, workers = calm
    assert [len(job.members) for job in trained(workers)] == [2, 2]
    assert results.complete
    folders = {path.name for path in (results.folder / "cells").iterdir()}
    assert folders == {cell.identity for cell in results.cells}
    assert len(folders) == 4
    assert list((results.folder / "banks").iterdir()) == []


def test_its_cells_are_the_runs_of_a_population(calm, tmp_path):
    """Bit by bit those that ``train_population`` makes of the same settings."""
    results, _ = calm
    settings = {k: v for k, v in results.cells[0].configuration.items() if k not in {"task", "lr", "seed"}}
    fpt.train_population("bits/xor", out=tmp_path / "all", lr=RATES, seeds=[0], **settings)
    for cell in results.cells[:2]:
        assert adapter(cell.folder) == adapter(tmp_path / "all" / f"lr={cell.lr:g}-seed=0")


def test_members_and_threads_belong_to_a_cells_identity(one_body, tmp_path):
    """The first rate is another cell alone, beside another rate, and with another number of threads."""

    def first(rates=RATES, threads=None):
        study = one_body(sweep={"rates": list(rates), "seeds": [0]})
        return Planner(study, Ledger(tmp_path), threads).grid().cells[0]

    found = [first(), first(threads=1), first((1e-3, 2e-3), threads=1), first(threads=2)]
    assert {cell.lr for cell in found} == {1e-3}
    assert len({cell.identity for cell in found}) == 4
    assert [bool(cell.bank) for cell in found] == [False, True, True, True]


def test_a_second_run_does_nothing(done, run_small, direct_workers):
    """What is done is done."""
    assert run_small(done.study, direct_workers, done.folder, bank=True) == done
    assert direct_workers.jobs == []


@pytest.mark.parametrize("options", [{}, {"bank": True, "threads": 2}], ids=["alone", "threads"])
def test_other_banks_are_refused(done, run_small, direct_workers, options):
    """A forgotten flag does not train everything anew: the message says how the folder was begun."""
    with pytest.raises(ConfigurationError, match="begun with --bank --threads 1"):
        run_small(done.study, direct_workers, done.folder, **options)
    assert direct_workers.jobs == []


def test_a_lost_bank_is_run_again_whole(done, run_small, direct_workers):
    """Of two members one is lost: both train, the lost one has its bits again, the other stays as it was."""
    lost, kept = done.cells[:2]
    before = adapters(done)
    (kept.folder / "mark").touch()
    shutil.rmtree(lost.folder)
    again = run_small(done.study, direct_workers, done.folder, bank=True)
    assert [job.identity for job in trained(direct_workers)[0].members] == [lost.identity, kept.identity]
    assert adapters(again) == before
    assert (kept.folder / "mark").exists()
    assert again.complete


def stopped_bank(results, folder):
    """The first bank of a study as Ctrl-C left it after the second step; its folder."""
    cells = results.cells[:2]
    place = folder / "banks" / cells[0].bank
    arms = {cell.identity: Configuration.from_json(cell.configuration) for cell in cells}
    with Sweep(place, arms, {}).population(arms) as population, pytest.raises(KeyboardInterrupt):
        interrupt(population.rows(), cells[0].identity)
    return place


def interrupt(rows, name):
    """Ctrl-C, once: at one member's row of the second step."""
    for whose, row in rows:
        if (whose, row["step"], row["split"]) == (name, 2, "train"):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("lose", [False, True], ids=["in step", "out of step"])
def test_a_stopped_bank_ends_as_a_calm_one(calm, run_small, direct_workers, tmp_path, lose):
    """It goes on where all members saved one step, else it begins again: with the calm one's bits."""
    results, _ = calm
    first, second = (cell.identity for cell in results.cells[:2])
    place = stopped_bank(results, tmp_path)
    (place / first / "mark").touch()
    if lose:
        shutil.rmtree(place / second / "checkpoints")
    again = run_small(results.study, direct_workers, tmp_path, bank=True)
    assert trained(direct_workers)[0].saved_step == 2
    assert (tmp_path / "cells" / first / "mark").exists() == (not lose)
    assert adapters(again) == adapters(results)
    assert [cell.record.steps for cell in again.cells] == [4] * len(again.cells)


def test_a_member_that_overflows_is_marked_and_the_others_done(one_body, run_small, direct_workers):
    """A rate that ends in no finite number is tried once; the other rate is chosen."""
    study = one_body(sweep={"rates": [1e-3, 1e30], "seeds": [0]}, seeds=[0])
    results = run_small(study, direct_workers, bank=True)
    fine, overflown = results.cells[:2]
    assert (fine.status, overflown.status) == ("done", "failed")
    assert "NonFiniteError" in overflown.reason
    assert len(trained(direct_workers)) == 1
    assert [choice.rate for choice in results.choices] == [1e-3]


def test_a_shortage_of_memory_names_what_a_study_can_do(one_body, run_small, direct_workers, monkeypatch):
    """A bank's pass that does not fit: the remedy is one of ``fpt study run``, not of ``fpt train``."""
    monkeypatch.setattr(Bank, "outputs", mock.Mock(side_effect=MemoryError("8 EiB")))
    results = run_small(one_body(stopping={"attempts": 1}), direct_workers, bank=True)
    reason = "OutOfMemory: runs that train together: 8 EiB\n  run the study without --bank, in another --out"
    assert results.cells[0].reason.startswith(reason)


class Burning:
    """Workers of whom every bank comes to nothing."""

    count = 1

    def __init__(self):
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)

    def wait(self):
        return Outcome(job=self.jobs[-1], reason="it burns")

    def stop(self):
        pass


def test_a_poison_bank_is_tried_a_bounded_number_of_times(one_body, run_small):
    """Then all its members are marked, each with the reason."""
    workers = Burning()
    results = run_small(one_body(stopping={"attempts": 2}), workers, bank=True)
    assert len(workers.jobs) == 2
    found = {(cell.status, cell.reason, cell.attempts) for cell in results.cells if cell.role == "sweep"}
    assert found == {("failed", "it burns", 2)}


class Killed:
    """Workers whose every bank is killed: a member with another saved so many steps, farther each time."""

    count = 1

    def __init__(self, *steps):
        self.steps, self.jobs = iter(steps), []

    def submit(self, job):
        self.jobs.append(job)

    def wait(self):
        job = self.jobs[-1]
        saved = job.folder / job.members[-1].identity / "checkpoints" / f"step-{next(self.steps):08d}"
        saved.mkdir(parents=True, exist_ok=True)
        return Outcome(job=job, reason="killed by signal 9", died=True)

    def stop(self):
        pass


def test_a_killed_bank_with_a_failed_member_was_on_its_way(one_body, run_small):
    """It is judged by the member that saved farthest: only the kill that came no farther is counted."""
    workers = Killed(1, 2, 2)
    results = run_small(one_body(stopping={"attempts": 1}), workers, bank=True)
    assert [job.saved_step for job in workers.jobs] == [0, 1, 2]
    assert {cell.attempts for cell in results.cells if cell.role == "sweep"} == {1}


def test_a_bank_that_is_lost_marks_no_cell_that_is_done(done, run_small):
    """It gave one its place and came to nothing before the other: that other alone is counted."""
    lost, kept = done.cells[:2]
    shutil.rmtree(lost.folder)
    study = attrs.evolve(done.study, stopping=attrs.evolve(done.study.stopping, attempts=1))
    run_small(study, Burning(), done.folder, bank=True)
    ledger = Ledger(done.folder)
    assert ledger.failure(lost.identity).reason == "it burns"
    assert ledger.failure(kept.identity) is None


def test_bodies_that_the_seed_draws_train_apart(small_study, run_small, direct_workers):
    """Two rates on the body of seed 0 share their passes; seed 1 has a body of its own and trains alone."""
    results = run_small(small_study(), direct_workers, bank=True)
    assert [len(job.members) for job in trained(direct_workers)] == [2, 2, 1, 1]
    assert results.complete


@pytest.mark.parametrize(
    "settings",
    [
        {"train": "full"},
        {"train": "lora"},
        {"train": "head,@2,fpt"},
        {"micro_batch_size": 2},
        {"gradient_checkpointing": True},
    ],
    ids=str,
)
def test_what_cannot_share_a_pass_trains_alone(one_body, run_small, direct_workers, settings):
    """A whole body, added layers, stages, less memory: the very cells of a study without banks."""
    study = one_body(settings=settings, stopping={"cells": 1})
    results = run_small(study, direct_workers, bank=True)
    assert not any(isinstance(job, BankJob) for job in direct_workers.jobs)
    alone = run_small(study, direct_workers)
    assert [cell.identity for cell in results.cells] == [cell.identity for cell in alone.cells]


@pytest.mark.parametrize("elsewhere", [{"device": "cuda:7"}, {"quantize": "int8"}], ids=str)
def test_sharing_hangs_on_no_machine(calm, monkeypatch, elsewhere):
    """A device that is not here, or a library that is not installed, changes no cell's identity."""
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    assert can_share({**calm[0].cells[0].configuration, **elsewhere})


def test_what_cannot_be_assembled_is_refused(calm):
    """It is no answer to whether it can share: a policy that is none is named."""
    with pytest.raises(fpt.UnknownName, match="nonsense"):
        can_share({**calm[0].cells[0].configuration, "train": "nonsense"})


def test_a_search_has_no_banks(one_body, run_small, direct_workers):
    """Rates that are proposed one after the other are refused before there is a folder."""
    sweep = attrs.evolve(one_body().sweep, search="optuna")
    with pytest.raises(ConfigurationError, match="leave --bank out"):
        run_small(attrs.evolve(one_body(), sweep=sweep), direct_workers, bank=True)
