"""L2, files that are damaged, hostile or no files: read or refused, and nothing worse."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fpt_plugins.errors import InputError
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.reading import Outcome, declared_files, read_in_a_fresh_process, write
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

CUTS, FLIPS = 8, 50
SIZE_FIELDS = 64
"""The first bytes of a file, where binary formats say how large things are."""

LONG_LINE = 2**23
SECONDS = 5.0
"""Of processor time, for any one file: the largest is 8 MB."""

MEMORY = 512
"""MiB that reading any one file may add."""


def check_damaged_files(plugin: Subject) -> None:
    """Damaged files, bombs and links are read or refused: no other error, no crash, hang or bloat."""
    for task, file in declared_files(plugin):
        folder = plugin.folder / "damaged" / task.name
        for name, content in _damaged(file.read_bytes()):
            write(folder / f"{name}{file.suffix}", content)
        write(folder / f"bomb-packed{file.suffix}.gz", _gzip_bomb())
        _link(folder, file)
        plain = read_in_a_fresh_process(plugin, task, folder)
        for name, outcome in plain.items():
            _check_outcome(task, name, outcome)
        _check_without_assertions(plugin, task, folder, plain)
        _check_whole(task, file, plain[f"link{file.suffix}"])


def _check_outcome(task: Task, name: str, outcome: Outcome) -> None:
    if not outcome.is_clean:
        raise ContractBroken(f"{task.name}: read of {name}: {outcome.message}", "raise InputError")
    if outcome.told == ("", 0, 0):
        raise ContractBroken(
            f"{task.name}: read of {name} gives no sample and says nothing", "raise InputError: no sample"
        )
    if outcome.seconds > SECONDS:
        raise ContractBroken(
            f"{task.name}: read of {name} took {outcome.seconds:.1f} s of processor time",
            "refuse what is larger than any sample before reading on",
        )
    if outcome.grown > MEMORY:
        raise ContractBroken(
            f"{task.name}: read of {name} took {outcome.grown:,.0f} MiB of memory",
            "bound what is unpacked and what a header may ask for",
        )


def _check_without_assertions(plugin: Subject, task: Task, folder: Path, plain: dict[str, Outcome]) -> None:
    for name, outcome in read_in_a_fresh_process(plugin, task, folder, flags=("-O",)).items():
        if outcome.told != plain[name].told:
            raise ContractBroken(
                f"{task.name}: read of {name} is otherwise under python -O: {outcome.message or 'no error'}",
                "check input by an if and an InputError, not by an assert",
            )


def _check_whole(task: Task, file: Path, through_a_link: Outcome) -> None:
    try:
        count = len(list(task.read(file)))
    except InputError as error:
        raise ContractBroken(f"{task.name} refuses its own {file.name}: {error.message}") from error
    if not count:
        raise ContractBroken(f"{task.name}: {file.name} holds no sample")
    if through_a_link.samples != count:
        raise ContractBroken(
            f"{task.name}: {file.name} has {count} samples, through a link {through_a_link.samples}"
        )


def _damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Damaged forms of a file, each with a name that sorts by kind."""
    generator = random.Random(0)
    for cut in range(CUTS):
        yield f"cut-{cut}", content[: len(content) * cut // CUTS]
    for number in range(FLIPS):
        place = generator.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= 1 << generator.randrange(8)
        yield f"flip-{number:02}", bytes(flipped)
    for place in range(0, min(SIZE_FIELDS, len(content) - 4), 4):
        yield f"size-{place:02}", content[:place] + b"\x7f\xff\xff\xff" + content[place + 4 :]
    yield "one-line", content.partition(b"\n")[0] + b"\n"
    yield "magic", b"\x89\x00\xff\xfe" + content[4:]
    yield "noise", generator.randbytes(4096)
    yield "spaces", b" " * 4096
    yield "twice", content + content[::-1]
    middle = len(content) // 2
    yield "bomb-line", content[:middle] + b"7" * LONG_LINE + content[middle:]
    yield "bomb-depth", b"[" * 2**20
    yield "bomb-gzip", _gzip_bomb()
    if content.startswith(b"\x89PNG"):
        yield "bomb-png", _png_bomb(content)


def _gzip_bomb() -> bytes:
    """Three GiB of zeros in three MB: gzip may hold any number of members, one after the other."""
    return gzip.compress(bytes(2**24), 9) * 192


def _png_bomb(content: bytes) -> bytes:
    """The same picture, whose header says 60,000 by 60,000 pixels (PNG specification, section 11.2.2)."""
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def _link(folder: Path, file: Path) -> None:
    """Links to the file, to nothing and to itself, and a folder in the place of a file."""
    (folder / f"link{file.suffix}").symlink_to(file)
    (folder / f"link-to-nothing{file.suffix}").symlink_to(folder / "nothing")
    loop = folder / f"link-to-itself{file.suffix}"
    loop.symlink_to(loop)
    (folder / f"folder{file.suffix}").mkdir()


def check_reading_runs_no_code(plugin: Subject) -> None:
    """Reading data runs no code that the data hold, starts no process and writes only under the data root."""
    _ = plugin.tasks
    for task, events in ask("events_while_reading", plugin.name).items():
        if events:
            raise ContractBroken(
                f"{task}: reading its splits raises the audit events {'; '.join(events[:3])}",
                "read pickles by fpt_plugins.unpickle_plain_values; evaluate nothing",
            )
