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

from fpt_plugins.errors import FptError, InputError
from fpt_plugins.prediction import read_files
from fpt_plugins.task import SPLITS, Task
from fpt_plugins.testing.drawing import contents, digest
from fpt_plugins.testing.subject import Subject

SECONDS_TO_IMPORT = 2.0
EXTRA_MEMORY = 2 * 1024**3
"""Bytes that reading a damaged file may map beside what the process holds already."""

SAMPLES_BY_WORKERS = 8

_HEAVY = ("torch", "transformers", "tensorflow", "jax", "timm")
_RUNS_CODE = {
    "exec", "compile", "pickle.find_class", "socket.connect", "subprocess.Popen",
    "os.system", "os.fork", "os.posix_spawn", "os.exec", "ctypes.dlopen",
}  # fmt: skip


def import_effects(name: str) -> list[str]:
    """What importing a plugin and asking for its tasks changes, one sentence each."""
    plugin, reached, written = Subject(name), list[str](), list[str]()
    entry_point = plugin.installed.entry_point

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            reached.append(event)
        if event == "open" and _is_writing(arguments) and "__pycache__" not in str(arguments[0]):
            written.append(str(arguments[0]))

    sys.addaudithook(hear)
    before, start = _global_state(), time.process_time()  # of the processor: a machine may be busy
    entry_point.load()
    _ = plugin.loaded
    seconds, after = time.process_time() - start, _global_state()
    effects = [f"it changes {what}" for what in before if before[what] != after[what]]
    effects += [f"it imports {module}" for module in _HEAVY if module in sys.modules]
    effects += ["it opens a network connection"] if reached else []
    effects += [f"it writes {path}" for path in written]
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
    """A digest of all splits of each task, and whether two workers read what this process reads."""
    plugin = Subject(name)
    found = {task.name: digest(contents(plugin, task)) for task in plugin.tasks}
    for task in plugin.tasks:
        for split in SPLITS:
            if split not in task.fresh and not _workers_agree(task.split(split)):
                found[task.name] = f"other samples of {split} in a worker"
    plugin.close()
    return found


def _workers_agree(dataset: Any) -> bool:
    from torch.utils.data import DataLoader, Subset

    places = range(min(len(dataset), SAMPLES_BY_WORKERS))
    loader = DataLoader(Subset(dataset, places), batch_size=None, num_workers=2)
    return [item_digest(item) for item in loader] == [item_digest(dataset[place]) for place in places]


def outcomes_of_reading(name: str, task: str, folder: str) -> dict[str, dict[str, Any]]:
    """For each file of a folder what the core made of it through the task's ``read``."""
    plugin = Subject(name)
    reader = plugin.task(task)
    _limit_memory()
    found = {}
    for path in sorted(Path(folder).iterdir()):
        print(path.name, file=sys.stderr, flush=True)  # the last one told, where this process ends
        found[path.name] = _outcome(reader, path)
    plugin.close()
    return found


def _outcome(reader: Task, path: Path) -> dict[str, Any]:
    samples, places, before, start = 0, list[str](), _largest_size(), time.process_time()
    kind = message = ""
    try:
        for _, sample in read_files(reader, [path]):
            rejected = isinstance(sample, InputError)
            places += [sample.where] if rejected else []
            samples += not rejected
    except InputError as error:
        kind, message = "InputError", error.message
    except OSError as error:
        kind, message = "OSError", str(error)
    except Exception as error:  # noqa: BLE001 # it is what is looked for
        kind, message = type(error).__name__, str(error)
    rejected_count = len(places)
    return {
        "kind": kind,
        "message": message,
        "places": [*places, *([message] if kind == "InputError" else [])],
        "samples": samples,
        "rejected": rejected_count,
        "seconds": time.process_time() - start,
        "grown": _largest_size() - before,
    }


def _largest_size() -> float:
    """MiB that this process has been at its largest."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss begins there with the size of whoever started this process
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


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
    if event != "open" or not _is_writing(arguments):
        return False
    return not Path(str(arguments[0])).is_relative_to(data_root) and str(arguments[0]) != os.devnull


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[1], str) and bool(set("wxa+") & set(arguments[1]))


def outcomes_without_data(name: str) -> dict[str, str]:
    """For each task whose data no package carries: what else than an error of ours its splits raise."""
    plugin = Subject(name)
    sys.addaudithook(_unplug)
    found = {}
    for task_name in plugin.loaded.tasks:
        if plugin.declaration(task_name).needs:
            try:
                plugin.task(task_name).split("train")
            except FptError:
                found[task_name] = ""
            except Exception as error:  # noqa: BLE001 # it is what is looked for
                found[task_name] = f"{type(error).__name__}: {error}"
            else:
                found[task_name] = "it gives a training split"
    plugin.close()
    return found


def _unplug(event: str, _: object) -> None:
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise OSError("there is no network")
