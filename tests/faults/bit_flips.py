"""One bit of a saved file is turned over, at a place drawn from all of its bytes."""

from __future__ import annotations

import functools
import random
from pathlib import Path

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME
from tests.faults.trial import attacked, judged, numbered, outcome


@functools.cache
def whole(name: str, folder: Path) -> str:
    """The digest of the content as it was."""
    return BY_NAME[name].content(folder)


def trial(name: str, number: int, folder: Path) -> str:
    """Turns a bit over, reads, and turns it back."""
    subject = BY_NAME[name]
    expected = whole(name, folder)
    files = [path for path in subject.damaged_files(folder) for _ in range(path.stat().st_size)]
    generator = random.Random(f"{name} {number}")
    path = generator.choice(files)
    content = path.read_bytes()
    place, bit = generator.randrange(len(content)), generator.randrange(8)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
    try:
        what = judged(lambda: subject.content(folder), subject, folder, expected)
    finally:
        path.write_bytes(content)
    return what if what == "refused by name" or what.startswith("broken") else f"broken: {what}"


def _on(name: str) -> Attack:
    subject = BY_NAME[name]

    def run(times: int, folder: Path) -> Outcome:
        if subject.python_path(folder):
            return outcome(attacked(__name__, numbered([(subject, times)]), folder))
        subject.make(folder)  # a digest stands before every parser: no process is at risk
        return outcome([(f"{name} {number}", trial(name, number, folder)) for number in range(times)])

    return Attack(
        name=f"bit-flips-{name}",
        promise="A single wrong bit in what was saved is found, and the file is named.",
        how=f"one bit of {WHAT[name]} turned over, at a random place",
        few=5,
        many=500,
        run=run,
    )


WHAT = {
    "adapter": "an adapter (either file)",
    "checkpoint": "a checkpoint (any of its five files)",
    "run": "a run's beginning or record",
    "study": "a study's definition, grid or failures",
    "token-cache": "a token cache (HDF5)",
    "installed-cards": "a card of the installed registry",
}
ATTACKS = tuple(map(_on, WHAT))
