"""Small sweeps of ``bits/xor``: begun, stopped, and what they leave on disk."""

import json
import signal

import pytest
import safetensors.torch
import torch

from fpt_plugins.sweep import Sweep, arms_of

BODY = {"backbone": "gpt2-mini", "init": "random", "init_seed": 0, "backbone_options": {"layers": 1}}
SETTINGS = {
    **BODY,
    "steps": 6,
    "batch_size": 4,
    "evaluate_every": 2,
    "precision": "fp32",
    "device": "cpu",
}
XOR, RATES = "bits/xor", (1e-3, 1e-2)


def tensors(path):
    """The trained tensors of a run, as they are on disk."""
    return safetensors.torch.load_file(path / "adapter" / "adapter.safetensors")


def rows(path):
    """The metrics of a run but for the seconds, which no two runs share."""
    found = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    flat = [{**row, **row.pop("drift", {})} for row in found]
    return [{key: value for key, value in row.items() if key not in {"seconds", "drift"}} for row in flat]


def assert_close(found, expected):
    """Equal to 1e-5, where an Adam step is 1e-3 to 1e-2: fp32 sums are ordered by the batch's shape."""
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5)


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def begin(path, rates=RATES, seeds=1, task=XOR, **changes):
    """The one population of a sweep, as a context manager, and the sweep."""
    settings = {**SETTINGS, **changes}
    sweep = Sweep.new(path, arms_of(task, rates, seeds, settings), settings)
    (names,) = sweep.groups()
    return sweep, sweep.population(names)


def drive(population, step, act):
    """Takes the steps of a population, and acts once, at the first run's training row of one step."""
    first = next(iter(population.trainings))
    for name, row in population.rows():
        if name == first and row["step"] == step and row["split"] == "train":
            act()


def stop(path, step, **changes):
    """Trains a sweep, new or begun, to a step, where Ctrl-C comes; the sweep."""
    settings = {**SETTINGS, **changes}
    arms = arms_of(XOR, RATES, 1, settings)
    sweep = Sweep.resumed(path, arms, settings) if path.exists() else Sweep.new(path, arms, settings)
    (names,) = sweep.groups()
    with sweep.population(names) as population, pytest.raises(KeyboardInterrupt):
        drive(population, step, lambda: signal.raise_signal(signal.SIGINT))
