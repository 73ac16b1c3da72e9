"""Programs in processes of their own, forked from one that has imported what a run needs.

What a program does with its words, folder, environment, streams and exit code is what it does when
started anew; only that torch and the libraries are imported before, which takes it five seconds.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from tests.faults.children import SECONDS, Child, begun

FPT = ("-m", "fpt_plugins")


@attrs.frozen
class Program:
    """One that is running."""

    words: tuple[str, ...]
    child: Child
    folder: Path

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def end(self) -> subprocess.CompletedProcess[str]:
        """Waits for it: its exit code, and all that it said."""
        self.child.process.join(SECONDS)
        assert self.child.process.exitcode is not None, f"{self.words} is not over after {SECONDS:g} seconds"
        streams = ((self.folder / name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(self.words, self.child.process.exitcode, *streams)


@contextmanager
def started(*words: object, stdin: str = "", cwd: Path | None = None, **variables: str) -> Iterator[Program]:
    """What the interpreter does with some words (``-m MODULE``, ``-c CODE`` or a file, and arguments)."""
    given = tuple(map(str, words))
    with TemporaryDirectory() as folder:
        (Path(folder) / "stdin").write_text(stdin)
        arguments = (given, folder, cwd or Path.cwd(), {**os.environ, **variables})
        with begun(_run, *arguments) as child:
            yield Program(given, child, Path(folder))


def run(
    *words: object, stdin: str = "", cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The same, awaited."""
    with started(*words, stdin=stdin, cwd=cwd, **variables) as program:
        return program.end()


def _run(words: tuple[str, ...], folder: str, cwd: Path, variables: dict[str, str], _: object) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        with (Path(folder) / name).open(mode) as file:
            os.dup2(file.fileno(), number)
        setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - as long as the process
    kind, *rest = words
    sys.path[:0] = [path for path in variables.get("PYTHONPATH", "").split(os.pathsep) if path]
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})  # noqa: S102 - the test's own
    else:
        sys.argv = list(words)
        runpy.run_path(kind, run_name="__main__")
