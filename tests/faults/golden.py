"""What earlier releases saved, and what later ones will save."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

import fpt_plugins as fpt
from fpt_plugins.adapter_files import DESCRIPTION
from fpt_plugins.storage import read_sealed, sealed
from tests.faults.attack import Attack, Outcome, Seen
from tests.golden.reading import EXPECTED, GOLDEN, SAMPLES, logits

TOLERANCE = 1e-6


def load_releases(times: int, folder: Path) -> Outcome:
    """Adapters and runs of every release in turn: as they are, then as if a later format had been written."""
    kept = [
        (version.parent, name, wanted)
        for version in sorted(GOLDEN.glob(f"*/{EXPECTED}"))
        for name, wanted in json.loads(version.read_text()).items()
    ]
    seen = []
    for number in range(times):
        version, name, wanted = kept[number // 2 % len(kept)]
        ask = _newer if number % 2 else _answered
        seen.append(ask(version, name, wanted, folder / str(number)))
    return Outcome.of(seen)


def _answered(version: Path, name: str, wanted: list[float], _: Path) -> Seen:
    arm = fpt.load(version / name, backbone=f"hf:{version / 'body'}", device="cpu")
    far = float((logits(arm, SAMPLES[arm.task.name]) - torch.tensor(wanted)).abs().max())
    return Seen("the logits of its release", f"{version.name}/{name}: {far} apart" if far > TOLERANCE else "")


def _newer(version: Path, name: str, _: list[float], folder: Path) -> Seen:
    shutil.copytree(version / name, folder)
    place = next(folder.rglob(DESCRIPTION))
    place.write_bytes(sealed({**read_sealed(place), "format": 99, "fpt_plugins": "9.0.0"}))
    try:
        fpt.load(folder, backbone=f"hf:{version / 'body'}", device="cpu")
    except fpt.IntegrityError as error:
        told = "9.0.0" in error.message and error.remedy == "upgrade fpt-plugins"
        return Seen("a newer one is refused with the remedy", "" if told else str(error))
    return Seen("a newer one is loaded", f"{version.name}/{name}")


ATTACKS = (
    Attack(
        name="releases-loaded",
        promise="What a release saved loads with the same logits (1e-6); what a newer one saved is refused.",
        how="Golden adapters and runs of every release; each again with the number of a later format",
        few=2,
        many=8,
        run=load_releases,
    ),
)
