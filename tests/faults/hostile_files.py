"""Files made to harm: each is refused in one line, in little memory, and opens nothing beside its folder."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.attack import Attack, Outcome
from tests.faults.audit import watched
from tests.faults.hostile_data import DATA
from tests.faults.hostile_saved import SAVED
from tests.faults.subjects import BY_NAME
from tests.faults.trial import attacked, judged, outcome

MEMORY = 512
"""MiB that a hostile file may cost, whatever size it says it has."""
LIMIT = 4 << 30
"""Bytes of address space beyond what the process has: so much it could take, were it not refused."""

HOSTILE = {**SAVED, **DATA}
NAMES = tuple(HOSTILE)
_warm: set[str] = set()


@contextmanager
def _memory_limited() -> Iterator[Callable[[], int]]:
    """Inside, at most ``LIMIT`` more of address space; what is yielded tells the growth in MiB."""
    before = _sizes()
    Path("/proc/self/clear_refs").write_text("5")  # the highest size is counted from now on
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (before["VmSize"] * 1024 + LIMIT, hard))
    try:
        yield lambda: (_sizes()["VmHWM"] - before["VmRSS"]) // 1024
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _sizes() -> dict[str, int]:
    """KiB by name, as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines) if "kB" in rest}


def _beside(place: Path) -> list[Path]:
    """Where archives are unpacked, and what a link leads to: it is followed, then judged."""
    links = [path.resolve() for path in place.rglob("*") if path.is_symlink()]
    return [place.with_name(f"{place.name}-out"), *links]


def trial(name: str, number: int, folder: Path) -> str:
    """Puts the hostile file in the place of a whole one of its subject's, and reads."""
    _, make = HOSTILE[NAMES[number]]
    subject = BY_NAME[name]
    place = folder / str(number)
    place.mkdir()
    subject.make(place)
    if name not in _warm:
        subject.content(place)  # libraries are loaded by then, and what is seen is the file's doing
        _warm.add(name)
    make(place)
    with _memory_limited() as grown, watched(place, *_beside(place)) as events:
        what = judged(lambda: subject.content(place), subject, place, "")
    if what != "refused by name":
        return f"broken: {NAMES[number]}: {what}"
    if events:
        return f"broken: {NAMES[number]}: refused, after {events[0]}"
    if (size := grown()) > MEMORY:
        return f"broken: {NAMES[number]}: refused, after {size} MiB of memory were taken"
    return what


def _run(times: int, folder: Path) -> Outcome:
    step = max(1, len(NAMES) // times)
    chosen = [(BY_NAME[HOSTILE[NAMES[number]][0]], number) for number in range(0, len(NAMES), step)][:times]
    return outcome(attacked(__name__, chosen, folder))


ATTACKS = (
    Attack(
        name="hostile-files",
        promise="A file made to harm is refused in one line: nothing is run, reached for or filled.",
        how="pickles, named code, links, traversal, devices, bombs, depth, made-up sizes: each a file",
        few=30,
        many=len(NAMES),
        run=_run,
    ),
)
