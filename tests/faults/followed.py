"""Each reader is given what atheris makes: changes that reached lines of the reader that none did before.

Needs ``pip install atheris`` (Linux, Python up to 3.13), which is no dependency.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.faults.attack import Attack, Outcome
from tests.faults.fuzzing import FUZZED
from tests.faults.subject import Subject
from tests.faults.subjects import BY_NAME
from tests.faults.trial import TREE

READERS = (*FUZZED, BY_NAME["body"])
AT_LEAST = 100
"""Inputs for a reader: to start its process takes seconds."""
EACH = 10_000
LAST_WORDS = 300
"""Characters of what libFuzzer says of a process that ended."""


def _run(times: int, folder: Path) -> Outcome:
    if importlib.util.find_spec("atheris") is None:
        return Outcome(happened={"not tried: atheris is not installed": times})
    happened: Counter[str] = Counter()
    broken: list[str] = []
    readers = READERS[: max(1, min(len(READERS), times // AT_LEAST))]
    for number, subject in enumerate(readers):
        count = times * (number + 1) // len(readers) - times * number // len(readers)
        faults, found = _followed(subject, count, folder / subject.name)
        happened[subject.name] = count - faults
        happened["the promise was broken"] += faults
        broken += [f"{subject.name}: {fault}" for fault in found]
    return Outcome(happened=+happened, broken=tuple(broken))


def _followed(subject: Subject, count: int, place: Path) -> tuple[int, list[str]]:
    """How many of so many inputs broke the promise, and some of them."""
    command = [sys.executable, "-m", "tests.faults.coverage_fuzzing", subject.name, str(count), str(place)]
    ended = subprocess.run(command, cwd=TREE, capture_output=True, text=True, errors="replace", check=False)
    result = place / "result.json"
    if not result.exists():
        return count, [f"the process ended with {ended.returncode}: {ended.stderr[-LAST_WORDS:]}"]
    found = json.loads(result.read_text())
    return found["broken"], found["faults"]


ATTACKS = (
    Attack(
        name="followed-readers",
        promise="Whatever a reader is given, it reads it or says in one line what is wrong with it.",
        how=f"inputs of atheris, which follows the lines of {len(READERS)} readers; read or refused by name",
        few=AT_LEAST,
        many=EACH * len(READERS),
        run=_run,
    ),
)
