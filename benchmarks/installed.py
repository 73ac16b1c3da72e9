"""Listing with many plugins installed: distributions as pip would have written them, on the path."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULE = """
import attrs
from fpt_plugins import Classes, Last, Recipe, Sequences, Task, TokenIds, accuracy, hookimpl


@attrs.frozen(kw_only=True)
class Echo(Task):
    name = "{plugin}/echo"
    summary = "which symbol was shown last"
    recipe = Recipe(steps=10, batch_size=4, lr=1e-3)
    readout = Last()
    metrics = (accuracy,)
    symbols: int = attrs.field(default=3, metadata={{"help": "how many there are"}})

    @property
    def sequence(self):
        return TokenIds(vocabulary=tuple(map(str, range(self.symbols))), max_length=8)

    @property
    def target(self):
        return Classes(self.sequence.vocabulary)

    def split(self, name): return []
    def floors(self, split): return ()
    def parse(self, value): return value
    def read(self, path): return iter(())


@hookimpl
def fpt_tasks():
    return [Echo]


@hookimpl
def fpt_tokenize(task, samples):
    return Sequences.of(samples)
"""


def install(folder: Path, number: int) -> None:
    """Writes so many distributions, each with a plugin of one task."""
    for index in range(number):
        plugin = f"echo{index:03d}"
        (folder / f"{plugin}.py").write_text(MODULE.format(plugin=plugin))
        information = folder / f"fpt_{plugin}-1.0.dist-info"
        information.mkdir()
        lines = (
            "Metadata-Version: 2.1",
            f"Name: fpt-{plugin}",
            "Version: 1.0",
            "Requires-Dist: fpt-plugins>=0.1",
        )
        (information / "METADATA").write_text("\n".join(lines) + "\n")
        (information / "entry_points.txt").write_text(f"[fpt_plugins]\n{plugin} = {plugin}\n")


def listing_seconds(number: int, *, rounds: int) -> dict[str, float]:
    """The median and the least time of a new process that imports the package, and that lists plugins.

    A process that does nothing is taken off the first: it is Python's own start.
    """
    with tempfile.TemporaryDirectory() as name:
        install(Path(name), number)
        path = os.pathsep.join([name, os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path}
        commands = {
            "nothing": ["-c", "pass"],
            "import": ["-c", "import fpt_plugins"],
            "fpt plugins": ["-m", "fpt_plugins", "plugins"],
        }
        taken: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(rounds + 1):  # the first writes the modules' bytecode
            for what, command in commands.items():
                taken[what].append(_seconds(command, environment))
    kept = {what: seconds[1:] for what, seconds in taken.items()}
    nothing = statistics.median(kept["nothing"])
    return {
        "import_seconds": statistics.median(kept["import"]) - nothing,
        "listing_seconds": statistics.median(kept["fpt plugins"]),
        "least_import_seconds": min(kept["import"]) - min(kept["nothing"]),
        "least_listing_seconds": min(kept["fpt plugins"]),
    }


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this interpreter
    return time.perf_counter() - began
