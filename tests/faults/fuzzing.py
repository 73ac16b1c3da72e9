"""Each reader is given what hypothesis makes: pieces of its format in any order, noise between them.

Where a digest guards the content, the fuzzed files are sealed again as their writer would seal them, so
that what stands behind the digest is reached.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME, QUICK_FIRST
from tests.faults.trial import attacked, fault_of, outcome

PER_TRIAL = 50
"""Inputs of one trial: so many are drawn by hypothesis at once."""
WITHOUT = ("installed-cards", "body", "loaded-adapter", "tape-lmdb")
"""Too slow for this, or read by another process: the mutations reach them."""
FUZZED = tuple(subject for subject in QUICK_FIRST if subject.name not in WITHOUT)

_EXTREME = st.sampled_from(
    [b"\xff" * 4, b"\0" * 8, b"-1", b"nan", b"1e999", b"9" * 5000, b"[" * 3000, b"\x80"]
)


def pieces(content: bytes) -> list[bytes]:
    """Words, signs and gaps of text; runs of sixteen bytes of anything else."""
    if content.isascii():
        return re.findall(rb"\w+|\W", content)
    return [content[place : place + 16] for place in range(0, len(content), 16)]


def inputs(content: bytes) -> Any:
    """Beginnings of the file and of nothing, then pieces of it and noise."""
    found = pieces(content)
    part = st.one_of(st.sampled_from(found), st.binary(max_size=8), _EXTREME)
    start = st.integers(0, len(content)).map(lambda place: content[:place])
    noise = st.lists(part, max_size=12).map(b"".join)
    rest = st.integers(0, len(content)).map(lambda place: content[place:])
    return st.tuples(start, noise, st.one_of(rest, st.just(b""))).map(b"".join)


def trial(name: str, number: int, folder: Path) -> str:
    """Draws inputs for one of the subject's files; the first that is neither read nor refused is told."""
    subject, whole = BY_NAME[name], folder.with_name(f"{folder.name}-whole")
    if not whole.exists():
        shutil.copytree(folder, whole)
    files = subject.damaged_files(folder)
    path = files[number % len(files)]
    faults: list[str] = []

    @seed(number)
    @settings(
        max_examples=PER_TRIAL,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(path.read_bytes()))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(RecursionError, ValueError):  # what no writer could seal is read as it is
            subject.reseal(folder)
        if fault := fault_of(subject, folder):
            faults.append(f"{fault}: {content[:80]!r}")

    try:
        fuzz()
    finally:
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
    return f"broken: {faults[0]}" if faults else f"{PER_TRIAL} inputs read or refused by name"


def _run(times: int, folder: Path) -> Outcome:
    chosen = [(FUZZED[number % len(FUZZED)], number // len(FUZZED)) for number in range(times)]
    return outcome(attacked(__name__, chosen, folder))


ATTACKS = (
    Attack(
        name="fuzzed-readers",
        promise="Whatever a reader is given, it reads it or says in one line what is wrong with it.",
        how=f"{PER_TRIAL} inputs of hypothesis each time, in turn for {len(FUZZED)} readers, sealed anew",
        few=8,
        many=40 * len(FUZZED),
        run=_run,
    ),
)
