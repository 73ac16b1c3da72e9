"""The process that fuzzes one reader with atheris, which follows what the reader's lines do with the input.

Usage: python -m tests.faults.coverage_fuzzing SUBJECT INPUTS FOLDER

Writes FOLDER/result.json. Goes on after what is neither read nor refused in one line; what ends the
process is libFuzzer's to tell.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

from tests.faults.subject import Subject
from tests.faults.trial import fault_of

HEAVY = ("h5py", "numpy", "torch", "transformers")
"""Imported before any line is followed: the import hook would look at each of their modules."""
OURS = ["fpt_plugins", "fpt_bits", "fpt_images", "fpt_listops", "fpt_proteins", "fpt_text", "fpt_timeseries"]
"""Packages whose lines are followed."""
KEPT = 5
"""Faults that are told, of however many."""
SECONDS, MEBIBYTES = 20, 4096
"""That one input may take, and the process hold; beyond either libFuzzer ends it."""


def main(name: str, inputs: int, place: Path) -> None:
    """Gives the reader so many inputs, and writes down in an empty folder what was wrong."""
    warnings.simplefilter("ignore")
    for library in HEAVY:
        importlib.import_module(library)
    folder, corpus = place / "files", place / "corpus"
    folder.mkdir(parents=True)
    corpus.mkdir()
    with atheris.instrument_imports(include=OURS):
        from tests.faults.subjects import BY_NAME

        subject = BY_NAME[name]
        subject.make(folder)
        subject.content(folder)  # readers are imported when they are first used
    longest = _seeds(subject, folder, corpus)
    limits = [f"-max_len={longest}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEBIBYTES}", "-verbosity=0"]
    once = _once(subject, folder, inputs, place / "result.json")
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={place}/", str(corpus)], once)
    atheris.Fuzz()


def _seeds(subject: Subject, folder: Path, corpus: Path) -> int:
    """Each whole file, its number before it; the length of the longest, with room to grow."""
    contents = [path.read_bytes() for path in subject.damaged_files(folder)]
    for number, content in enumerate(contents):
        (corpus / str(number)).write_bytes(bytes([number]) + content)
    return 64 + max(map(len, contents))


def _once(subject: Subject, folder: Path, inputs: int, result: Path) -> Callable[[bytes], None]:
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files = subject.damaged_files(folder)
    count = 0
    faults: list[str] = []

    def once(content: bytes) -> None:
        nonlocal count
        for path, before in whole.items():
            path.write_bytes(before)
        files[content[0] % len(files) if content else 0].write_bytes(content[1:])
        with suppress(RecursionError, ValueError):  # what no writer could seal is read as it is
            subject.reseal(folder)
        if fault := fault_of(subject, folder):
            faults.append(f"{fault}: {content[:80]!r}")
        count += 1
        if count == inputs:
            result.write_text(json.dumps({"broken": len(faults), "faults": faults[:KEPT]}))
            os._exit(0)  # libFuzzer has no other end that is no fault

    return once


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
