"""What the golden files are asked: one sample per task, as a user writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import fpt_plugins as fpt
from fpt_plugins.data import collate, tokenize

GOLDEN = Path(__file__).parent
EXPECTED, RUN = "expected.json", "run"

SAMPLES: dict[str, Any] = {
    "bits/xor": {"strings": ["01010", "11001"]},
    "images/digits": {"pixels": [[(3 * row + 5 * column) % 17 for column in range(8)] for row in range(8)]},
    "listops/lra": {"expression": "[MAX 2 9 [MIN 4 7 ] 0 ]"},
}


def logits(arm: fpt.Arm, value: Any) -> torch.Tensor:
    """The outputs for one sample ``[...]``."""
    sequences = tokenize(arm.plugins, arm.task, [arm.task.parse(value)])
    with arm.evaluating():
        return arm.outputs(collate(arm.task, sequences))[0]
