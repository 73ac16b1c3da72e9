"""Where runs are kept: folders that are read-only, shared, elsewhere, or other people's."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import fpt_plugins as fpt
from fpt_plugins.configuration import Configuration
from fpt_plugins.run_folder import RunFolder, writing
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.children import begun
from tests.faults.saves import SAVED, Saver
from tests.faults.tiny_runs import BODY, trained


def refuse_writing(times: int, folder: Path) -> Outcome:
    """The folder cannot be written into: root becomes somebody else for the while."""
    saver, user, seen = Saver(), os.geteuid(), []
    for number in range(times):
        place = Path(tempfile.mkdtemp()) / "run"  # the tests' own folder is closed to others already above it
        saver.save(place, 1)
        for each in (place.parent, place, place / "checkpoints"):
            each.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        try:
            with writing("the checkpoint", "give the right to write"):
                saver.save(place, 2)
            said = ""
        except fpt.FptError as error:
            said = error.message
        finally:
            os.seteuid(user)
        found, named = saver.step(place), "Permission denied" in said
        broken = "" if named and found == 1 else f"time {number}: {said!r}, step {found}"
        seen.append(Seen("an error; the previous one loads", broken))
    return Outcome.of(seen)


def move_temporary_files(times: int, folder: Path) -> Outcome:
    """What the system calls the folder of temporary files is on another file system, or nowhere."""
    saver, seen = Saver(), []
    for number in range(times):
        elsewhere = ("/dev/shm", "/proc", "/nowhere")[number % 3]  # noqa: S108 - nothing is written there
        with mock.patch.dict(os.environ, TMPDIR=elsewhere), mock.patch.object(tempfile, "tempdir", elsewhere):
            saver.save(folder, number + 1)
        found = saver.step(folder)
        seen.append(Seen("saved", "" if found == number + 1 else f"TMPDIR={elsewhere}: step {found}"))
    return Outcome.of(seen)


def set_umasks(times: int, folder: Path) -> Outcome:
    """Every file and folder of a run has the mode that ``open`` and ``mkdir`` would have given it."""
    seen = []
    for number in range(times):
        umask, out = (0o022, 0o077, 0o027, 0o002)[number % 4], folder / str(number)
        before = os.umask(umask)
        try:
            trained("bits/xor", out, steps=2, evaluate_every=1)
        finally:
            os.umask(before)
        wrong = [
            f"{path.relative_to(out)} {mode:o}"
            for path in (out, *out.rglob("*"))
            if (mode := stat.S_IMODE(path.stat().st_mode)) != (0o777 if path.is_dir() else 0o666) & ~umask
            and path.name != ".lock"  # filelock's own, and empty
        ]
        seen.append(Seen("as the umask says", f"umask {umask:o}: {wrong}" if wrong else ""))
    return Outcome.of(seen)


def claim(folder: Path, rounds: int, barrier: Any, say: Callable[[bool], None]) -> None:
    """Tries to begin a run in the same folder as others, at the same moment, round after round."""
    configuration = Configuration.of("bits/xor", **BODY)
    for number in range(rounds):
        barrier.wait(60)
        try:
            with RunFolder.open(configuration, folder / str(number), resume=False, given={}).lock():
                say(True)
                barrier.wait(60)
        except fpt.FptError:
            say(False)
            barrier.wait(60)


def share_folders(times: int, folder: Path) -> Outcome:
    """Three processes begin a run in one folder at once."""
    import multiprocessing

    with multiprocessing.get_context("forkserver").Manager() as manager, ExitStack() as stack:
        barrier = manager.Barrier(3)
        children = [stack.enter_context(begun(claim, folder, times, barrier)) for _ in range(3)]
        claims = list(zip(*(child.rest() for child in children), strict=True))
    seen = [
        Seen("one began, two were refused", "" if sum(each) == 1 else f"round {number}: {each}")
        for number, each in enumerate(claims)
    ]
    return Outcome.of(seen)


ATTACKS = (
    Attack(
        name="folder-read-only",
        promise=SAVED,
        how="A run's folder loses the right to be written into",
        few=2,
        many=20,
        run=refuse_writing,
    ),
    Attack(
        name="temporary-files-elsewhere",
        promise=SAVED,
        how="TMPDIR on another file system, or nowhere",
        few=3,
        many=30,
        run=move_temporary_files,
    ),
    Attack(
        name="file-modes",
        promise="Files of a run have the modes that the umask says.",
        how="A run under each of several umasks; every file and folder of it",
        few=1,
        many=8,
        run=set_umasks,
    ),
    Attack(
        name="folder-shared",
        promise="Two runs never share a folder.",
        how="Three processes begin a run in one folder at the same moment",
        few=5,
        many=200,
        run=share_folders,
    ),
)
