"""Files are cut off while what was loaded from them is in use: a memory map would end the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME
from tests.faults.trial import attacked, outcome


def _adapter(folder: Path) -> Callable[[], Any]:
    from tests.faults.saved_files import arm, read_adapter

    read_adapter(folder)
    return lambda: arm().predict([[[0, 1, 0, 1, 0], [1, 1, 0, 0, 1]]])


def _checkpoint(folder: Path) -> Callable[[], Any]:
    from tests.faults.saved_files import arm, optimizer, read_checkpoint

    read_checkpoint(folder)

    def step() -> None:
        for name in arm().partition.trained_names:
            parameter = arm().model.get_parameter(name)
            parameter.grad = parameter.detach().clone()
        optimizer().step()

    return step


def _body(folder: Path) -> Callable[[], Any]:
    import torch

    from tests.faults.saved_files import build_body

    body = build_body(folder)
    return lambda: body(torch.zeros(1, 4, 16), torch.ones(1, 4, dtype=torch.bool))


def _tokens(folder: Path) -> Callable[[], Any]:
    from fpt_plugins.token_file import open_tokens
    from tests.faults.saved_files import KEY

    stored = open_tokens(folder / "tokens.h5", KEY)
    stored.values[:1]
    return lambda: _or_an_error(lambda: stored.values[:])


def _lmdb(folder: Path) -> Callable[[], Any]:
    from fpt_proteins.tape_lmdb import entries

    remaining = entries(folder / "part.lmdb")
    next(remaining)
    return lambda: _or_an_error(lambda: list(remaining))


def _or_an_error(read: Callable[[], Any]) -> None:
    """What is read from the file as it is now may be refused."""
    from fpt_plugins.errors import FptError

    try:
        read()
    except (FptError, OSError):
        return


IN_USE = {
    "token-cache": _tokens,
    "tape-lmdb": _lmdb,
    "adapter": _adapter,
    "checkpoint": _checkpoint,
    "body": _body,
}


def trial(name: str, number: int, folder: Path) -> str:
    """Loads, cuts every file to a part of itself, uses what was loaded, and puts the files back."""
    subject = BY_NAME[name]
    use = IN_USE[name](folder)
    files = {path: path.read_bytes() for path in subject.damaged_files(folder)}
    try:
        for path, content in files.items():
            os.truncate(path, len(content) * (number % 4) // 4)
        use()
    finally:
        for path, content in files.items():
            path.write_bytes(content)
    return "the process went on"


def _run(times: int, folder: Path) -> Outcome:
    names = list(IN_USE)
    chosen = [(BY_NAME[names[number % len(names)]], number // len(names)) for number in range(times)]
    return outcome(attacked(__name__, chosen, folder))


ATTACKS = (
    Attack(
        name="cut-off-in-use",
        promise="Cutting a file off under what was loaded from it does not end the process.",
        how="adapters, checkpoints, bodies, token caches and LMDB cut to 0 to 3 quarters while in use",
        few=2,
        many=100,
        run=_run,
    ),
)
