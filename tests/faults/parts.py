"""The parts of a stopped run: damaged, missing, or written elsewhere."""

from __future__ import annotations

import functools
import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins import storage
from fpt_plugins.checkpoint import PLAIN, newest_checkpoint
from fpt_plugins.storage import MANIFEST, read_folder, sealed, with_manifest
from tests.faults.attack import Attack, Outcome, Seen
from tests.faults.tiny_runs import begun_training


def _stopped_run(out: Path) -> Path:
    """A run that was stopped after its second look."""
    if not out.exists():
        training = begun_training("bits/xor", out, steps=9, evaluate_every=3)
        with suppress(KeyboardInterrupt):
            for row in training.rows():
                if row["step"] == 7:
                    signal.raise_signal(signal.SIGINT)
    return out


def _unlink(name: str, run: Path) -> None:
    (run / name).unlink()


def _cut(name: str, run: Path) -> None:
    (run / name).write_bytes((run / name).read_bytes()[:-1])


def _flip(name: str, run: Path) -> None:
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)


def _resealed(run: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Changes a checkpoint as somebody would who made its manifest anew."""
    place = newest_checkpoint(run)
    assert place is not None
    files = read_folder(place)
    change(files)
    for name, content in with_manifest(files).items():
        (place / name).write_bytes(content)
    for left in place.iterdir():
        if left.name not in {*files, MANIFEST}:
            left.unlink()


def _without(file: str, key: str, run: Path) -> None:
    """A tensor of a file, or a value of the state, that is not there."""

    def change(files: dict[str, bytes]) -> None:
        if file.endswith(".json"):
            state = json.loads(files[file])
            del state[key]
            files[file] = sealed(state)
        else:
            tensors = safetensors.torch.load(files[file])
            del tensors[key]
            files[file] = safetensors.torch.save(tensors)

    _resealed(run, change)


def _without_checkpoints(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")


def _without_row(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join([*lines[:2], *lines[3:]]))


def _newer(file: str, run: Path) -> None:
    """What a version that is still to come would write."""
    if file == "run.json":
        (run / file).write_bytes(sealed({**storage.read_sealed(run / file), "format": 2}))
        return

    def change(files: dict[str, bytes]) -> None:
        files[file] = sealed({**json.loads(files[file]), "format": 2})

    _resealed(run, change)


def damages(run: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Every part of a stopped run, by the word that its refusal must hold, with how it is damaged."""
    place = newest_checkpoint(run)
    assert place is not None
    files = read_folder(place)
    checkpoint = place.relative_to(run)
    for name in ("run.json", "metrics.jsonl"):
        yield ("no run" if name == "run.json" else name), functools.partial(_unlink, name)
        yield name, functools.partial(_flip, name)
    yield "metrics.jsonl", _without_row
    yield "checkpoints are missing", _without_checkpoints
    for name in sorted({*files, MANIFEST}):
        for damage in (_unlink, _cut, _flip):
            yield name, functools.partial(damage, str(checkpoint / name))
    for name in ("run.json", "state.json"):
        yield "is of format 2", functools.partial(_newer, name)
    for key in PLAIN:
        yield key, functools.partial(_without, "state.json", key)
    for name in ("trained.safetensors", "best.safetensors", "optimizer.safetensors"):
        for key in sorted(safetensors.torch.load(files[name])):
            tensor, _, kept = key.rpartition("/")
            word = f"the optimizer's {kept} of {tensor}" if name.startswith("optimizer") else key
            yield word, functools.partial(_without, name, key)


def remove_parts(times: int, folder: Path) -> Outcome:
    """One part after the other; each must be refused by name, and nothing of the run may change by it."""
    run = _stopped_run(folder / "run")
    found = list(damages(run))
    step = max(1, len(found) // times)
    chosen = [found[(number * step) % len(found)] for number in range(times)]
    return Outcome.of(_damaged(run, folder / str(number), *each) for number, each in enumerate(chosen))


def _damaged(run: Path, out: Path, word: str, damage: Callable[[Path], None]) -> Seen:
    shutil.copytree(run, out)
    damage(out)
    before = _contents(out)
    try:
        fpt.train("bits/xor", out=out, resume=True)
    except fpt.FptError as error:
        named = word in _without_folders(error.message, out)
        wrong = "" if named else f"{damage}: {error}"
        return Seen("refused by name", wrong or ("" if _contents(out) == before else f"{damage}: changed"))
    return Seen("resumed", f"{damage}: it was filled in")


def _without_folders(message: str, run: Path) -> str:
    """What is said beside where: the words of a folder's name, ``step`` for one, name no part."""
    places = [run, *(path for path in run.rglob("*") if path.is_dir())]
    for place in sorted(places, key=lambda place: -len(str(place))):
        message = message.replace(str(place), "")
    return message


def _contents(run: Path) -> dict[str, bytes]:
    """Every file of a run, but for its lock."""
    files = [path for path in run.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


CHANGES: Mapping[str, str] = {
    "threads": "7",
    "torch": "2.13.0",
    "device": "NVIDIA H100 80GB HBM3",
    "processes": "2",
    "processor": "another",
    "numpy": "1.26.0",
}
"""What the checkpoint's circumstances are made to say, as if it had been written elsewhere."""


def move_runs(times: int, folder: Path) -> Outcome:
    """Continues a run that was begun in other circumstances, with more threads or smaller batches now."""
    run = _stopped_run(folder / "run")
    return Outcome.of(_moved(run, folder / str(number), number) for number in range(times))


def _moved(run: Path, out: Path, number: int) -> Seen:
    shutil.copytree(run, out)
    names = ["threads now", "batch size", *CHANGES]
    name = names[number % len(names)]
    if name == "batch size":
        record = fpt.train("bits/xor", out=out, resume=True, batch_size=8)
    elif name == "threads now":
        before = torch.get_num_threads()
        torch.set_num_threads(before + 1)
        try:
            record = fpt.train("bits/xor", out=out, resume=True)
        finally:
            torch.set_num_threads(before)
    else:
        _resealed(out, functools.partial(_elsewhere, name))
        record = fpt.train("bits/xor", out=out, resume=True)
    said = [each for each in record.not_bitwise if name.split()[0] in each and "step 7" in each]
    return Seen("resumed, stamped with the reason", "" if said else f"{name}: {record.not_bitwise}")


def _elsewhere(name: str, files: dict[str, bytes]) -> None:
    state = json.loads(files["state.json"])
    state["circumstances"][name] = CHANGES[name]
    files["state.json"] = sealed(state)


ATTACKS = (
    Attack(
        name="parts-removed",
        promise="A missing or changed part of a stopped run is refused by name, never filled in.",
        how="Each file removed, cut or flipped; each tensor and value removed and the manifest made anew",
        few=10,
        many=84,
        run=remove_parts,
    ),
    Attack(
        name="runs-moved",
        promise="What goes on elsewhere says that it is not bitwise, and why.",
        how="Other threads, another batch size; as if begun with other libraries, devices, processes",
        few=2,
        many=16,
        run=move_runs,
    ),
)
