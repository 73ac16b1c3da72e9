"""SIGKILL, of a study or of its workers, costs a cell its work since its last checkpoint, nothing else."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fpt_plugins.study.study_file import save_study


def begin(folder, *words):
    """Runs ``fpt study run`` on a study's folder, in a process group of its own."""
    command = [sys.executable, "-m", "fpt_plugins", "study", "run", str(folder), "--threads", "1", *words]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def adapters(results):
    """The trained tensors of every run, byte by byte."""
    return {
        cell.identity: (cell.folder / "adapter" / "adapter.safetensors").read_bytes()
        for cell in results.cells
    }


def rows(results):
    """Every row of every run, but for the seconds."""
    return {
        cell.identity: [{k: v for k, v in row.items() if k != "seconds"} for row in cell.rows()]
        for cell in results.cells
    }


def longer(small_study, **tables):
    """A study whose cells last long enough to be killed in."""
    settings = small_study().settings
    return small_study(settings={**settings, "steps": 60, "evaluate_every": 10}, **tables)


@pytest.mark.parametrize("bank", [False, pytest.param(True, marks=pytest.mark.heavy)], ids=["alone", "bank"])
def test_a_killed_study_ends_as_a_calm_one(small_study, run_small, new_direct_workers, tmp_path, bank):
    """Killed in its second cell, or bank, a study that goes on has the tensors and rows of a calm one."""
    sweep = {"rates": [1e-3, 3e-3, 1e-2], "seeds": [0]}
    study = longer(small_study, seeds=[0], axes={"train": ["fpt"]}, sweep=sweep)
    calm = run_small(study, new_direct_workers(), bank=bank)
    save_study(study, tmp_path / "study")
    driver = begin(tmp_path / "study", *(["--bank"] if bank else []))
    second = calm.cells[1]
    place = tmp_path / "study" / (f"banks/{second.bank}" if bank else "cells") / second.identity
    wait_until(lambda: list(place.glob("checkpoints/step-*")))
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    workers = new_direct_workers()
    again = run_small(study, workers, tmp_path / "study", bank=bank)
    assert calm.cells[0].identity not in {job.identity for job in workers.jobs if job.work == "train"}
    assert again.complete
    assert adapters(again) == adapters(calm)
    assert rows(again) == rows(calm)


@pytest.mark.heavy
def test_ctrl_c_leaves_a_study_that_continues(small_study, tmp_path):
    """The cell under way saves its step; the command says how to go on and ends as interrupted ones do."""
    save_study(longer(small_study), tmp_path / "study")
    driver = begin(tmp_path / "study")
    wait_until(lambda: list((tmp_path / "study" / "cells").glob("*/checkpoints/step-*")))
    os.kill(driver.pid, signal.SIGINT)
    shown = driver.communicate(timeout=120)[1]
    assert driver.returncode == 130
    assert f"continue with: fpt study run {tmp_path / 'study'}" in shown
    driver = begin(tmp_path / "study")
    assert "8 of 8 runs done" not in shown
    assert "6 of 6 runs done" in driver.communicate(timeout=300)[1]


@pytest.mark.heavy
def test_forty_cells_under_fire(small_study, run_small, new_direct_workers, tmp_path):
    """Killed every few seconds, it or its worker, a study of 40 cells ends with the calm one's bytes."""
    study = longer(small_study, seeds=list(range(19)), stopping={"attempts": 20})
    calm = run_small(study, new_direct_workers())
    assert len(adapters(calm)) == 40
    folder, draw, kills = tmp_path / "study", random.Random(0), 0
    save_study(study, folder)
    driver, seen = begin(folder), set()
    while driver.poll() is None:
        wait_until(lambda: traces(folder) - seen or driver.poll() is not None)  # noqa: B023 - the newest one
        time.sleep(draw.uniform(0, 4))
        seen = traces(folder)
        workers = [cell for server in children_of(driver.pid) for cell in children_of(server)]
        victim = driver.pid if not workers or draw.random() < 1 / 5 else workers[0]
        if driver.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may be over by now
                os.kill(victim, signal.SIGKILL)
                kills += 1
            if victim == driver.pid or driver.poll() is not None:
                driver.communicate()
                driver = begin(folder)
    driver.communicate()
    assert driver.returncode == 0
    again = run_small(study, new_direct_workers(), folder)
    assert kills >= 5
    assert again.complete
    assert adapters(again) == adapters(calm)
    assert rows(again) == rows(calm)
    assert len(list((folder / "cells").iterdir())) == 40


def traces(folder):
    """Every checkpoint and record there is: a new one says that the study is at work."""
    return {*folder.glob("cells/*/checkpoints/step-*"), *folder.glob("cells/*/record.json")}


def children_of(pid):
    """The processes that a process began; none of one that is over."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in found]
