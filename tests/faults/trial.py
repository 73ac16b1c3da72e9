"""Reading in a process that may die of it: each attack is announced before it is made."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.faults.attack import Outcome
from tests.faults.subject import Subject

TREE = Path(__file__).parents[2]
SECONDS = 5.0
"""Of processor time: what takes longer to refuse a small file hangs."""
SILENCE = 120.0
"""Seconds without a word after which the reading process is ended, on a machine however busy."""

Row = tuple[str, str]
"""The attack's own words for itself, and what came of it."""


def outcome(rows: Sequence[Row]) -> Outcome:
    """Counts of what happened; what begins with ``broken`` broke the promise."""
    happened: dict[str, int] = {}
    for _, what in rows:
        plain = "the promise was broken" if what.startswith("broken") else what
        happened[plain] = happened.get(plain, 0) + 1
    return Outcome(
        happened=happened,
        broken=tuple(f"{name}: {what}" for name, what in rows if what.startswith("broken")),
    )


def shared_out(subjects: Sequence[Subject], times: int) -> list[tuple[Subject, int]]:
    """How many of so many attacks each subject gets, by their shares; they sum to the whole."""
    whole, given, found = sum(subject.share for subject in subjects), 0, []
    reached = 0.0
    for subject in subjects:
        reached += subject.share
        count = round(times * reached / whole) - given
        given += count
        found.append((subject, count))
    return found


def numbered(plan: Sequence[tuple[Subject, int]]) -> list[tuple[Subject, int]]:
    """So many attacks on each subject, each with its number."""
    return [(subject, number) for subject, count in plan for number in range(count)]


def attacked(module: str, attacks: Sequence[tuple[Subject, int]], folder: Path) -> list[Row]:
    """What came of a module's attacks on some subjects, made in child processes.

    Args:
        module: Its ``trial(name, number, folder)`` makes one attack and says what came of it.
        attacks: Each a subject, whose whole files are written first, and a number.
        folder: An empty one.
    """
    places: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for subject in dict.fromkeys(subject for subject, _ in attacks):
        place = folder / subject.name
        place.mkdir(parents=True)
        subject.make(place)
        path = tuple(map(str, subject.python_path(place)))
        places.setdefault(path, []).extend((each.name, n) for each, n in attacks if each is subject)
    return [row for path, those in places.items() for row in _made(module, those, folder, path)]


def _made(module: str, attacks: list[tuple[str, int]], folder: Path, path: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < len(attacks):
        rows += _made_until_it_dies(module, attacks[len(rows) :], folder, path)
    return rows


def _made_until_it_dies(
    module: str, attacks: list[tuple[str, int]], folder: Path, path: Sequence[str]
) -> Iterator[Row]:
    places = os.pathsep.join(filter(None, [*path, *sys.path]))
    plan = folder / "plan.json"
    plan.write_text(json.dumps(attacks))
    command = [sys.executable, "-P", "-m", "tests.faults.worker", module, str(folder), str(plan)]
    announced = None
    with subprocess.Popen(
        command, cwd=TREE, env={**os.environ, "PYTHONPATH": places}, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in _lines(process):
            word, _, rest = line.partition(" ")
            if word == "trying":
                announced = rest
            elif word == "so":
                yield str(announced), rest
                announced = None
    if process.returncode:
        what = announced or "before the first attack"
        yield what, f"broken: the process ended with {_how(process.returncode)}"


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    stream = process.stdout
    assert stream is not None
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(SILENCE):
            line = os.read(stream.fileno(), 1 << 16).decode()
            if not line:
                return
            while not line.endswith("\n"):
                line += os.read(stream.fileno(), 1 << 16).decode()
            yield from line.splitlines()
    process.kill()


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def judged(read: Callable[[], str], subject: Subject, folder: Path, whole: str) -> str:
    """What a reader made of changed files.

    Args:
        read: Reads them, and returns their content's digest.
        subject: What they are.
        folder: Where they are.
        whole: The digest of the content as it was.
    """
    from fpt_plugins.errors import FptError

    start = time.process_time()
    try:
        found = read()
    except FptError as error:
        what = refusal(error.message, folder)
        spent = time.process_time() - start
        return what if spent < SECONDS else f"broken: refused after {spent:.1f} s of processor time"
    except Exception as error:  # noqa: BLE001 # it is what is looked for
        return f"broken: {type(error).__name__}: {error!s:.200}"
    if found == whole:
        return "loaded, its content unchanged"
    return "broken: other content was loaded" if subject.sealed else "read as other data: it has no digest"


def fault_of(subject: Subject, folder: Path) -> str:
    """What is wrong with how the subject's files were read or refused; nothing if nothing is."""
    from fpt_plugins.errors import FptError

    try:
        subject.content(folder)
    except FptError as error:
        what = refusal(error.message, folder)
        return what.removeprefix("broken: ") if what.startswith("broken") else ""
    except Exception as error:  # noqa: BLE001 # it is what is looked for
        return f"{type(error).__name__} {str(error)[:200]}"
    return ""


def refusal(message: str, folder: Path) -> str:
    """What a message of ours is worth: one line that names the place."""
    if "\n" in message:
        return f"broken: refused in more than one line: {message:.200}"
    if str(folder) not in message:
        return f"broken: refused without naming the file: {message:.200}"
    return "refused by name"
