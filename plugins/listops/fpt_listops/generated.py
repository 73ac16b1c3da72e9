"""A generated set on disk: three tables in Long Range Arena's form, and a record of what made them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from fpt_listops.expression import binarize, evaluate
from fpt_listops.generation import GENERATOR_VERSION, Generation, Grammar
from fpt_listops.generator import draw
from fpt_listops.parallel import in_order
from fpt_listops.tables import FILES, table_digest, write_table
from fpt_plugins import ConfigurationError, InputError, SplitName, track

RECORD = "generated.json"
_PATIENCE = 100  # forests without a new expression
_WORTH_PROCESSES = 5000  # rows; fewer are drawn before a process has started


def generate(folder: Path, generation: Generation, workers: int | None = None) -> None:
    """Write a set, and let its folder appear once it is complete.

    Args:
        folder: Where the set will be; must not exist.
        generation: What it is made from.
        workers: Processes that draw; where it is not given as many as processors, up to eight.
            The bytes are the same for any number.

    Raises:
        ConfigurationError: There are too few different expressions.
        InputError: The folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".generating-", dir=folder.parent) as temporary:
            complete = Path(temporary) / "set"  # one deeper: the temporary folder is closed to other users
            complete.mkdir()
            _write_tables(complete, generation, workers or min(os.cpu_count() or 1, 8))
            _write_record(complete / RECORD, generation)
            complete.rename(folder)
    except OSError as error:
        if not folder.exists():  # else another process was first, with the same bytes
            message = f"cannot be written: {error.strerror}"
            raise InputError(message, "name another data root", where=str(folder)) from error


def generated_table(folder: Path, split: SplitName) -> tuple[Path, str]:
    """The table of a split of the set in ``folder``, and its SHA-256.

    Raises:
        InputError: It is not the file that was generated.
    """
    path = folder / FILES[split]
    remedy = f"remove {folder}, and the set is generated anew"
    try:
        recorded = _read_record(folder / RECORD)["sha256"][path.name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"does not say what {path.name} is", remedy, where=str(folder / RECORD)) from error
    found = table_digest(path)
    if found != recorded:
        raise InputError(f"its SHA-256 is {found}; {RECORD} says {recorded}", remedy, where=str(path))
    return path, found


def _read_record(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _write_record(path: Path, generation: Generation) -> None:
    digests = {name: table_digest(path.with_name(name)) for name in FILES.values()}
    record = {"generator_version": GENERATOR_VERSION, **attrs.asdict(generation), "sha256": digests}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _write_tables(folder: Path, generation: Generation, workers: int) -> None:
    total = sum(generation.rows.values())
    rows = track(_all_rows(generation, workers), "generating ListOps", total=total)
    for split, name in FILES.items():
        write_table(folder / name, islice(rows, generation.rows[split]))


def _all_rows(generation: Generation, workers: int) -> Iterator[tuple[str, int]]:
    seen: set[bytes] = set()  # in all splits; only ever asked whether it holds one
    for number, split in enumerate(FILES):  # the test set comes first: the others' sizes do not change it
        size = generation.rows[split]
        forests = ((generation.grammar, generation.data_seed, number, forest) for forest in count())
        drawn = in_order(_draw_rows, forests, workers if size >= _WORTH_PROCESSES else 1)
        with contextlib.closing(drawn):
            yield from islice(_unseen(drawn, seen), size)


def _draw_rows(key: tuple[Grammar, int, int, int]) -> list[tuple[str, int]]:
    return [(binarize(ids), evaluate(ids)) for ids in draw(*key)]


def _unseen(forests: Iterable[list[tuple[str, int]]], seen: set[bytes]) -> Iterator[tuple[str, int]]:
    in_vain = 0
    for rows in forests:
        in_vain += 1
        for source, label in rows:
            digest = hashlib.sha256(source.encode()).digest()
            if digest not in seen:
                in_vain = 0
                seen.add(digest)
                yield source, label
        if in_vain == _PATIENCE:
            raise ConfigurationError(
                f"only {len(seen)} different expressions were found; {_PATIENCE} forests held no other",
                "widen min_length and max_length, raise max_depth or max_args, or ask for fewer rows",
            )
