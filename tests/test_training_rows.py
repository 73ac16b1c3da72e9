"""What a row of metrics.jsonl says of gradients and of how far parameters moved."""

import json

import pytest
import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins.trained_tensors import trained_tensors

SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 1},
    "steps": 6,
    "batch_size": 4,
    "evaluate_every": 3,
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run whose gradients are clipped now and then, with its rows."""
    path = tmp_path_factory.mktemp("rows") / "run"
    record = fpt.train("bits/xor", out=path, clip=2.5, **SETTINGS)
    return path, record, [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_clipped_is_the_share_of_steps_above_the_limit(run):
    """Counted here from the gradient norms, of which every step has a row."""
    rows = [row for row in run[2] if row["split"] == "train"]
    above = [row["gradient_norm"] > 2.5 for row in rows]
    assert 0 < sum(above) < len(above)
    assert [row["clipped"] for row in rows] == [sum(above[: n + 1]) / (n + 1) for n in range(len(above))]


def test_drift_is_the_relative_change_of_each_group(run):
    """Computed here from the adapter and an arm that has not trained, group by group."""
    path, record, rows = run
    row = next(row for row in rows if row["split"] == "validation" and row["step"] == record.best_step)
    arm = fpt.build("bits/xor", clip=2.5, **SETTINGS)
    begun, ended = trained_tensors(arm), safetensors.torch.load_file(path / "adapter/adapter.safetensors")
    for group, names in (
        ("input", ["input_embedding.weight"]),
        ("head", ["output_head.0.weight", "output_head.0.bias"]),
    ):
        before = torch.cat([begun[name].flatten() for name in names])
        after = torch.cat([ended[name].flatten() for name in names])
        assert row["drift"][group] == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-4)
    assert set(row["drift"]) == {"input", "head", "layer_norm", "position"}
