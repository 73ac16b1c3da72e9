"""Files are changed as disks, networks and fuzzers change them, and read."""

from __future__ import annotations

import functools
import random
from pathlib import Path

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME, SUBJECTS
from tests.faults.trial import attacked, judged, numbered, outcome, shared_out

EXTREMES = (b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\0" * 8, b"-1", b"1e999", b"[" * 64, b"\r\n")


@functools.cache
def whole(name: str, folder: Path) -> str:
    """The digest of the content as it was."""
    return BY_NAME[name].content(folder)


def changed(content: bytes, generator: random.Random) -> bytes:
    """The bytes with one to three changes of any of seven kinds."""
    for _ in range(generator.randint(1, 3)):
        start, end = sorted(generator.randrange(len(content) + 1) for _ in range(2))
        short = content[start : min(end, start + 64)]
        content = generator.choice(
            [
                content[:start]
                + bytes(byte ^ generator.randrange(256) for byte in short)
                + content[start + len(short) :],
                content[:start] + generator.randbytes(generator.randint(1, 16)) + content[start:],
                content[:start] + content[start + len(short) :],
                content[:start],
                content[:start] + short + content[start:],
                content[:end] + short + content[end + len(short) :],
                content[:start] + (extreme := generator.choice(EXTREMES)) + content[start + len(extreme) :],
            ]
        )
    return content


def trial(name: str, number: int, folder: Path) -> str:
    """Changes one of the files, reads, and puts it back."""
    subject = BY_NAME[name]
    expected = whole(name, folder)
    generator = random.Random(f"{name} {number}")
    path = generator.choice(subject.damaged_files(folder))
    content = path.read_bytes()
    path.write_bytes(changed(content, generator))
    try:
        return judged(lambda: subject.content(folder), subject, folder, expected)
    finally:
        path.write_bytes(content)


def _run(times: int, folder: Path) -> Outcome:
    return outcome(attacked(__name__, numbered(shared_out(SUBJECTS, times)), folder))


ATTACKS = (
    Attack(
        name="mutated-files",
        promise="A damaged file never ends or hangs the process, nor loads as something else past a digest.",
        how=f"bytes changed, put in, taken out, repeated, cut off, in files of {len(SUBJECTS)} kinds",
        few=150,
        many=100_000,
        run=_run,
    ),
)
