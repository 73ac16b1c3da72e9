"""Every loader under an audit hook of Python: nothing is unpickled, run, started, sent, or opened elsewhere.

Each loader has read its files once before: libraries are loaded by then, and what a file would bring
about it brings about again. What is let pass, and why:

- imports of installed modules, and what they bring about while they are imported (a frame of
  ``importlib`` is on the stack): libraries load parts of themselves when they are first used;
- ``compile`` and ``exec`` of source that attrs, cattrs and dataclasses write for classes of ours
  (``<attrs generated``, ``<cattrs generated``, ``<string>`` from those libraries' own frames);
- reading, not writing, files of the installed Python, of its packages and of this tree, and ``/proc``,
  ``/sys``, ``/dev/null``, the time zones;
- TAPE's LMDB: one process, this Python with our own ``fpt_proteins.lmdb_entries``, which may die of the file.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME, QUICK_FIRST, SUBJECTS
from tests.faults.trial import attacked, outcome

RUNS = ("pickle.find_class", "exec", "compile", "os.system", "os.exec", "os.posix_spawn", "ctypes.dlopen")
SENDS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
WRITERS = ("attrs", "attr", "cattrs", "dataclasses", "collections", "typing", "torch", "transformers", "h5py")
"""Libraries whose own code writes code; a file does not reach it."""

_TREE = Path(__file__).parents[2]
_READ = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(sys.base_prefix, sys.prefix, str(_TREE), "/proc", "/sys", "/dev/null", "/usr/share", "/etc/localtime"),
)
_watching: list[tuple[tuple[str, ...], list[str]]] = []
_installed: list[bool] = []


@contextmanager
def watched(*places: Path) -> Iterator[list[str]]:
    """Inside, every event that is not let pass, as ``EVENT ARGUMENTS``.

    Args:
        places: Files, and folders in which anything, may be opened.
    """
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    found: list[str] = []
    _watching.append((tuple(os.path.realpath(place) for place in places), found))
    try:
        yield found
    finally:
        _watching.pop()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in (*RUNS, *SENDS, "subprocess.Popen", "open"):
        return
    places, found = _watching[-1]
    if event == "open":
        forbidden = _is_elsewhere(places, *arguments)
    elif event == "subprocess.Popen":
        forbidden = list(arguments[1][1:4]) != ["-P", "-m", "fpt_proteins.lmdb_entries"]
    else:
        forbidden = event in SENDS or not _is_of_a_library(event)
    if forbidden:
        found.append(f"{event} {str(arguments)[:120]}")


def _is_elsewhere(places: tuple[str, ...], name: Any, mode: Any, flags: int) -> bool:
    if not isinstance(name, str | bytes | os.PathLike):
        return False  # a number: it was opened before
    path = os.path.realpath(os.fsdecode(name))
    if path in (*places, "/dev/null") or path.startswith(tuple(f"{place}/" for place in places)):
        return False
    writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return writes or not path.startswith(tuple(map(str, _READ)))


def _is_of_a_library(event: str) -> bool:
    """Whether an import, or a library that writes code, is what did it."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if "importlib" in module and event in ("exec", "compile", "ctypes.dlopen"):
            return True
        if module.partition(".")[0] in WRITERS and event in ("exec", "compile"):
            return True
        frame = frame.f_back
    return False


def trial(name: str, number: int, folder: Path) -> str:
    """Reads whole files under the hook."""
    subject = BY_NAME[name]
    subject.content(folder)
    with watched(folder, folder.with_name(f"{folder.name}-out")) as events:
        subject.content(folder)
    return f"broken: {events[0]}" if events else "nothing but its own files was opened"


def _run(times: int, folder: Path) -> Outcome:
    return outcome(attacked(__name__, [(subject, 0) for subject in QUICK_FIRST[:times]], folder))


ATTACKS = (
    Attack(
        name="audit-hook",
        promise="No loader unpickles, runs or imports what a file names, opens a socket or leaves a folder.",
        how="every loader under Python's audit hook (the hostile files above were, too)",
        few=12,
        many=len(SUBJECTS),
        run=_run,
    ),
)
