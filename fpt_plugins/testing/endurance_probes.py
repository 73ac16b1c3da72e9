"""What a hundred rounds of reading, tokenizing and answering leave behind, in a process of their own."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.testing.subject import Subject

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.task import Task

ROUNDS, WARM_UP = 100, 20
"""Caches fill in the first rounds."""

READS = 4
"""Samples in a round."""

TIMED, TIMES = 16, 3
PATIENCE = 20.0

_SELF = Path("/proc/self")


def rounds(name: str) -> dict[str, dict[str, Any]]:
    """For each task: what grew, how fast it reads, and whether a killed worker is noticed."""
    plugin = Subject(name)
    found = {task.name: _endured(plugin, task) for task in plugin.tasks}
    plugin.close()
    return found


def _endured(plugin: Subject, task: Task) -> dict[str, Any]:
    datasets: list[Any] = [task.split(split) for split in ("train", "validation", "test")]
    speed = max(_speed(plugin, task, datasets[1]) for _ in range(TIMES))  # the machine may be busy
    noticed = _is_noticed(datasets[1])
    arm = plugin.arm(task)
    for number in range(WARM_UP):
        _round(arm, datasets, number)
    before = _held()
    for number in range(ROUNDS):
        _round(arm, datasets, number)
    grown = {what: value - before[what] for what, value in _held().items()}
    return {**grown, "samples per second": speed, "a killed worker is an error": noticed}


def _round(arm: Arm, datasets: list[Any], number: int) -> None:
    """Some samples of each split, and answers to them."""
    for dataset in datasets:
        samples = [dataset[(READS * number + place) % len(dataset)][0] for place in range(READS)]
        arm.predict(samples)


def _held() -> dict[str, float]:
    """What this process holds; zeros where the system does not say."""
    gc.collect()
    if not _SELF.is_dir():
        return {"open files": 0, "MiB": 0, "threads": threading.active_count(), "child processes": 0}
    resident = int((_SELF / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    children = (_SELF / "task" / str(os.getpid()) / "children").read_text().split()
    return {
        "open files": len(list((_SELF / "fd").iterdir())),
        "MiB": resident,
        "threads": threading.active_count(),
        "child processes": len(children),
    }


def _speed(plugin: Subject, task: Task, dataset: Any) -> float:
    from fpt_plugins.data import tokenize

    start = time.perf_counter()
    samples = [dataset[place % len(dataset)][0] for place in range(TIMED)]
    tokenize(plugin.plugins(task), task, samples)
    return TIMED / (time.perf_counter() - start)


class _Killing:
    """A data set whose worker is killed in the middle of it."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        _ = self._dataset[index % len(self._dataset)]
        if index == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


def _is_noticed(dataset: Any) -> bool:
    """Whether the reader of a killed worker gets an error in time."""
    from torch.utils.data import DataLoader

    try:
        for _ in DataLoader(_Killing(dataset), num_workers=1, timeout=PATIENCE):  # type: ignore[arg-type] # a map
            pass
    except (RuntimeError, OSError, EOFError) as error:  # the latter two: it dies while it hands over a tensor
        return "timed out" not in str(error)
    return False
