"""The runs that are attacked: one random block of width 32, four modalities, forty steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fpt_plugins as fpt
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.record import RunRecord
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.training_loop import Training

BODY: Mapping[str, Any] = {
    "backbone": "block-1",
    "backbone_options": {"width": 32, "heads": 4},
    "init": "random",
    "device": "cpu",
    "precision": "fp32",
}
MODALITIES: Mapping[str, Mapping[str, Any]] = {
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
    "proteins/remote-homology": {"source": "sample"},
}
"""Tasks that need no download, with their options."""

RUN: Mapping[str, Any] = {
    **BODY,
    "steps": 40,
    "batch_size": 4,
    "micro_batch_size": 2,
    "evaluate_every": 10,
    "dropout": 0.1,
}
"""Accumulation, dropout and shuffling are on."""


def settings(task: str, data: Path, **changes: Any) -> dict[str, Any]:
    """Of a run of one of the modalities; what it generates, it keeps below ``data``."""
    return {**RUN, "options": dict(MODALITIES[task]), "data": data, **changes}


def trained(task: str, out: Path, **changes: Any) -> RunRecord:
    """A whole run."""
    return fpt.train(task, out=out, **settings(task, out.parent / "data", **changes))


def begun_training(task: str, out: Path, **changes: Any) -> Training:
    """A run that has not taken a step."""
    given = settings(task, out.parent / "data", **changes)
    arm = assemble(Configuration.of(task, **given))
    return Training(arm, RunFolder.open(arm.configuration, out, resume=False, given=given, facts=arm.facts))


def rows(out: Path) -> list[dict[str, Any]]:
    """The metrics of a run but for the seconds, which no two runs share."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


def adapter_bytes(out: Path) -> bytes:
    """The trained tensors as they are on disk."""
    return (out / "adapter" / "adapter.safetensors").read_bytes()


def differences(out: Path, calm: Path) -> str:
    """How a run ended otherwise than the one that nobody disturbed; empty where it did not."""
    if adapter_bytes(out) != adapter_bytes(calm):
        return "another adapter"
    if rows(out) != rows(calm):
        return "other rows of metrics"
    return ""
