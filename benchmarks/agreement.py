"""Whether the fast path learns the same: its losses beside the slow one's, and the spread of seeds."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from typing import Any

from fpt_plugins.training import open_training

SEEDS = (0, 1, 2, 3)
PATHS: Mapping[str, Mapping[str, Any]] = {
    "fp32, no part of the fast path": {"precision": "fp32", "fast": ()},
    "the default": {},
}
SETTINGS: Mapping[str, Any] = {
    "backbone": "gpt2-mini",
    "init": "random",
    "batch_size": 16,
    "steps": 300,
    "evaluate_every": 100,
}


def by_seed(*, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Validation losses of images/digits on both paths at three steps: mean and deviation over seeds."""
    del rounds, threads  # a curve is not timed
    curves = {path: [_curve(seed, settings) for seed in SEEDS] for path, settings in PATHS.items()}
    return [
        {"path": path, "step": step, **_summary([curve[step] for curve in found])}
        for step in (100, 200, 300)
        for path, found in curves.items()
    ]


def _curve(seed: int, settings: Mapping[str, Any]) -> dict[int, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        open_training(
            "images/digits", f"{folder}/run", resume=False, settings={**SETTINGS, **settings, "seed": seed}
        ) as training,
    ):
        return {row["step"]: row["loss"] for row in training.rows() if row["split"] == "validation"}


def _summary(losses: list[float]) -> dict[str, float]:
    return {"mean_loss": statistics.mean(losses), "deviation": statistics.stdev(losses)}
