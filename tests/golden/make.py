"""Makes the golden files of this version; those of a version that has some are never made again.

Usage: python -m tests.golden.make      from the root of the tree, once, before a release
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2Model

import fpt_plugins as fpt
from tests.golden.reading import EXPECTED, GOLDEN, RUN, SAMPLES, logits

OPTIONS = {
    "bits/xor": {},
    "images/digits": {},
    "listops/lra": {
        "min_length": 5,
        "max_length": 30,
        "max_depth": 3,
        "max_args": 4,
        "train_size": 64,
        "validation_size": 32,
        "test_size": 32,
    },
}
SETTINGS: dict[str, Any] = {
    "backbone": "hf:body",
    "steps": 4,
    "batch_size": 4,
    "evaluate_every": 2,
    "lr": 0.01,
    "dropout": 0.1,
    "device": "cpu",
    "precision": "fp32",
}


def main() -> int:
    """Writes the folder of this version."""
    place = GOLDEN / fpt.__version__
    if place.exists():
        print(f"{place} is there: what a release was, is not made again", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(dir=GOLDEN) as folder:
        whole = Path(folder, "whole")
        whole.mkdir()
        make(whole)
        whole.rename(place)
    return 0


def make(place: Path) -> None:
    """A body of 16 dimensions, an adapter per task, a run with its checkpoint, and what they answer."""
    torch.manual_seed(0)
    shape = {"vocab_size": 8, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    GPT2Model(GPT2Config(**shape)).save_pretrained(place / "body")
    expected = {}
    with (
        contextlib.chdir(place),
        tempfile.TemporaryDirectory() as folder,
    ):  # so that no place of a machine is kept
        for task, options in OPTIONS.items():
            run, name = Path(folder, task.replace("/", "-")), task.replace("/", "-")
            fpt.train(task, out=run, options=options, data=folder, **SETTINGS)
            (run / "adapter").rename(place / name)
            arm = fpt.load(place / name, device="cpu", data=Path(folder))
            expected[name] = logits(arm, SAMPLES[task]).tolist()
        fpt.train("bits/xor", out=RUN, **SETTINGS)
        (place / RUN / ".lock").unlink(missing_ok=True)
        expected[RUN] = logits(fpt.load(RUN, device="cpu"), SAMPLES["bits/xor"]).tolist()
    (place / EXPECTED).write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
