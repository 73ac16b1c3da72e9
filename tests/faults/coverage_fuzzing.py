"""Fuzzes a reader with atheris, which follows what the reader's own lines do with the input.

Usage: python -m tests.faults.coverage_fuzzing SUBJECT [-atheris_runs=N] [-max_total_time=SECONDS]

Needs `pip install atheris`, which is no dependency. What is neither read nor refused in one line ends it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

from tests.faults.subject import Subject
from tests.faults.trial import refusal

OURS = ["fpt_plugins", "fpt_images", "fpt_listops", "fpt_proteins", "fpt_text", "fpt_timeseries"]
"""Packages whose lines are followed."""


def main(name: str) -> None:
    """Fuzzes the first of the subject's files, sealed anew where it has a seal."""
    with tempfile.TemporaryDirectory() as place:
        folder, corpus = Path(place) / "files", Path(place) / "corpus"
        folder.mkdir()
        corpus.mkdir()
        with atheris.instrument_imports(include=OURS):
            from tests.faults.subjects import BY_NAME

            subject = BY_NAME[name]
            subject.make(folder)
            subject.content(folder)  # readers are imported when they are first used
        path = subject.damaged_files(folder)[0]
        (corpus / "whole").write_bytes(path.read_bytes())

        def once(content: bytes) -> None:
            path.write_bytes(content)
            subject.reseal(folder)
            _read(subject, folder)

        atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], once)
        atheris.Fuzz()


def _read(subject: Subject, folder: Path) -> None:
    from fpt_plugins.errors import FptError

    try:
        subject.content(folder)
    except FptError as error:
        what = refusal(error.message, folder)
        assert what == "refused by name", what


if __name__ == "__main__":
    main(sys.argv[1])
