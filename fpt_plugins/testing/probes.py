"""Questions that only a fresh process can answer honestly; each answers in plain values."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import resource
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from fpt_plugins.errors import FptError
from fpt_plugins.task import SPLITS, Task
from fpt_plugins.testing.drawing import contents, digest
from fpt_plugins.testing.subject import Subject

SECONDS_TO_IMPORT = 2.0
EXTRA_MEMORY = 2 * 1024**3
"""Bytes that reading a damaged file may map beside what the process holds already."""

_HEAVY = ("torch", "transformers", "tensorflow", "jax", "timm")
_RUNS_CODE = {
    "exec", "compile", "pickle.find_class", "socket.connect", "subprocess.Popen",
    "os.system", "os.fork", "os.posix_spawn", "os.exec", "ctypes.dlopen",
}  # fmt: skip


def import_effects(name: str) -> list[str]:
    """What importing a plugin and asking for its tasks changes, one sentence each."""
    plugin, connections = Subject(name), list[str]()
    entry_point = plugin.installed.entry_point
    sys.addaudithook(lambda event, _: connections.append(event) if event == "socket.connect" else None)
    before, start = _global_state(), time.perf_counter()
    entry_point.load()
    _ = plugin.loaded
    seconds, after = time.perf_counter() - start, _global_state()
    effects = [f"it changes {what}" for what in before if before[what] != after[what]]
    effects += [f"it imports {module}" for module in _HEAVY if module in sys.modules]
    effects += ["it opens a network connection"] if connections else []
    return effects + ([f"it takes {seconds:.1f} s"] if seconds > SECONDS_TO_IMPORT else [])


def _global_state() -> dict[str, Any]:
    return {
        "Python's random generator": random.getstate(),
        "the environment": dict(os.environ),
        "sys.path": list(sys.path),
        "the warning filters": list(warnings.filters),
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "the number of threads": threading.active_count(),
        "the working directory": Path.cwd(),
        "sys.excepthook": sys.excepthook,
        "the recursion limit": sys.getrecursionlimit(),
    }


def unpickled(place: str) -> list[list[str]]:
    """For each pickled task its repr, and a SHA-256 of the first item of its pickled data set."""
    pairs = pickle.loads(Path(place).read_bytes())  # noqa: S301 # this check's own file
    return [[repr(task), item_digest(dataset[0])] for task, dataset in pairs]


def item_digest(item: Any) -> str:
    """A SHA-256 of one sample and its target."""
    import numpy as np

    parts = [np.asarray(part) for part in item]
    text = "".join(f"{part.dtype} {part.shape} {part.tolist()}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def content_digests(name: str) -> dict[str, str]:
    """A digest of all splits of each task."""
    plugin = Subject(name)
    found = {task.name: digest(contents(plugin, task)) for task in plugin.tasks}
    plugin.close()
    return found


def outcomes_of_reading(name: str, task: str, folder: str) -> dict[str, list[str]]:
    """For each file of a folder: that ``read`` read it, or its error's kind, message and place."""
    plugin = Subject(name)
    reader = plugin.task(task)
    _limit_memory()
    found = {}
    for path in sorted(Path(folder).iterdir()):
        print(path.name, file=sys.stderr, flush=True)  # the last one told, where this process ends
        found[path.name] = _outcome(reader, path)
    plugin.close()
    return found


def _outcome(reader: Any, path: Path) -> list[str]:
    try:
        for _ in reader.read(path):
            pass
    except FptError as error:
        return [type(error).__name__, error.message, getattr(error, "where", "")]
    except Exception as error:  # noqa: BLE001 # it is what is looked for
        return ["", f"{type(error).__name__}: {error}", ""]
    return ["read", "", ""]


def _limit_memory() -> None:
    statistics = Path("/proc/self/statm")
    if statistics.exists():  # Linux; elsewhere a bomb shows as a process that ended
        mapped = int(statistics.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + EXTRA_MEMORY,) * 2)


def events_while_reading(name: str) -> dict[str, list[str]]:
    """What each task's second reading of its splits runs, connects to, or writes outside its data root."""
    plugin, events, listening = Subject(name), list[str](), [False]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if listening[0] and (event in _RUNS_CODE or _writes_outside(event, arguments, plugin.data_root)):
            events.append(f"{event} {str(arguments[:1])[:80]}")

    sys.addaudithook(hear)
    found = {}
    for task in plugin.tasks:
        contents(plugin, task)  # imports, and generated files, are the first reading's
        events.clear()
        listening[0] = True
        for split in SPLITS:
            dataset: Any = task.split(split)
            for index in range(min(len(dataset), 64)):
                dataset[index]
        listening[0] = False
        found[task.name] = sorted(set(events))
    plugin.close()
    return found


def _writes_outside(event: str, arguments: tuple[Any, ...], data_root: Path) -> bool:
    if event != "open" or not isinstance(arguments[1], str) or not set("wxa+") & set(arguments[1]):
        return False
    return not Path(str(arguments[0])).is_relative_to(data_root) and str(arguments[0]) != os.devnull


def answers_of_adapters(folders: list[str], data: str, samples: int) -> list[Any]:
    """What saved adapters answer to their first validation samples, with another state of the generators."""
    import torch

    import fpt_plugins

    torch.manual_seed(20210309)
    arms = [fpt_plugins.load(each, device="cpu", precision="fp32", data=Path(data)) for each in folders]
    return [arm.predict(first_samples(arm.task, samples)) for arm in arms]


def first_samples(task: Task, count: int) -> list[Any]:
    """The first validation samples of a task."""
    dataset: Any = task.split("validation")
    return [dataset[index][0] for index in range(min(count, len(dataset)))]
