"""Features of the frozen body: computed once, equal to what each step would compute, refused with reasons."""

import json
import signal

import attrs
import pytest
import safetensors.torch
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, features
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.data import FreshSplit, read_split
from fpt_plugins.features import FeatureSplit, why_not, with_features
from fpt_plugins.model import FrozenPretrainedTransformer
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.training import Training

BODY = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 1}, "device": "cpu"}
SETTINGS = {
    **BODY,
    "train": "head",
    "steps": 60,
    "batch_size": 32,
    "evaluate_every": 20,
    "lr": 0.01,
    "dropout": 0.0,
    "precision": "fp32",
}
SAMPLES = {"train": 1197, "validation": 300}
"""Of images/digits: 1797 in all, of which 300 are the test split."""


def train(path, **changes):
    return fpt.train("images/digits", out=path, **{**SETTINGS, **changes})


def rows(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def tensors(path):
    return safetensors.torch.load_file(path / "adapter" / "adapter.safetensors")


@pytest.fixture
def passes(monkeypatch):
    """How many samples each pass through the body had."""
    found, compute = [], FrozenPretrainedTransformer.features

    def counted(self, tokens, attention_mask):
        found.append(len(tokens))
        return compute(self, tokens, attention_mask)

    monkeypatch.setattr(FrozenPretrainedTransformer, "features", counted)
    return found


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 2e-2)])
def test_a_run_is_that_without_the_cache(tmp_path, precision, tolerance):
    """Losses, scores and the trained head agree with the plain run to 1e-5 in fp32, and 2e-2 in bf16."""
    for name, cache in (("plain", False), ("cached", True)):
        train(tmp_path / name, cache_features=cache, precision=precision)
    for plain, cached in zip(rows(tmp_path / "plain"), rows(tmp_path / "cached"), strict=True):
        assert cached["loss"] == pytest.approx(plain["loss"], rel=tolerance)
    plain = tensors(tmp_path / "plain")
    for name, tensor in tensors(tmp_path / "cached").items():
        torch.testing.assert_close(tensor, plain[name], rtol=tolerance, atol=tolerance)


def test_each_sample_passes_the_body_once(tmp_path, passes):
    """Over two epochs and three looks: every sample of both splits once, and two first ones for a trial."""
    train(tmp_path / "run", steps=80)
    trials = 2 * [1, 1]
    assert sum(passes) == sum(SAMPLES.values()) + len(trials)
    assert passes[:4] == trials


def test_without_the_cache_every_step_passes_the_body(tmp_path, passes):
    """Control: the same run with the cache off sends each batch and each look through the body."""
    train(tmp_path / "run", steps=80, cache_features=False)
    assert sum(passes) == 80 * 32 + 4 * SAMPLES["validation"]


def test_resumed_is_uninterrupted(tmp_path):
    """Features are computed again by a resumed run, bit for bit, so it ends like one that never stopped."""
    train(tmp_path / "calm")
    settings = {**SETTINGS, "cache_features": True}
    configuration = Configuration.of("images/digits", **settings)
    folder = RunFolder.open(configuration, tmp_path / "stopped", resume=False, given=settings)
    training = Training(assemble(configuration), folder)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the rows drive the run
        for row in training.rows():
            if row["step"] == 27:
                signal.raise_signal(signal.SIGINT)
    fpt.train("images/digits", out=tmp_path / "stopped", resume=True)
    calm, stopped = tensors(tmp_path / "calm"), tensors(tmp_path / "stopped")
    assert all(torch.equal(calm[name], tensor) for name, tensor in stopped.items())


def build(**changes):
    arm = fpt.build("images/digits", **{**SETTINGS, **changes})
    return arm, read_split(arm.plugins, arm.task, "train", 0)


def test_a_batch_brings_what_the_model_computes():
    """Features of some samples are those of the model for these very tokens, and tokens come too."""
    arm, split = build()
    chosen = [(5, 0), (700, 3), (5, 1)]
    batch, plain = FeatureSplit(arm, split).batch(chosen), split.batch(chosen)
    assert torch.equal(batch.tokens, plain.tokens)
    assert torch.equal(batch.targets, plain.targets)
    with torch.no_grad():
        expected = arm.model.eval().features(plain.tokens, plain.attention_mask)
    torch.testing.assert_close(batch.features, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(arm.outputs(batch), arm.outputs(plain), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train": "head,layer_norm"}, "layer_norm trains below the head"),
        ({"train": "head,@3,fpt"}, "input, layer_norm, position trains below the head"),
        ({"train": "bitfit"}, "trains below the head"),
        ({"dropout": 0.1}, "--dropout 0.1 changes them at every step"),
    ],
)
def test_what_changes_features_is_refused_with_the_reason(tmp_path, changes, reason):
    """Asked for, it is an error that says why and leaves no folder; not asked for, there is no cache."""
    with pytest.raises(ConfigurationError, match=f"cannot be cached: .*{reason}"):
        train(tmp_path / "run", cache_features=True, **changes)
    assert not (tmp_path / "run").exists()
    arm, split = build(**changes)
    assert with_features(arm, split) is split


def test_a_wrapper_is_a_reason():
    """What another plugin wraps may be another sample at every step."""
    arm, split = build()
    arm = attrs.evolve(arm, configuration=attrs.evolve(arm.configuration, wrappers=("flips",)))
    assert "--with flips" in why_not(arm, split)


def test_an_embedding_that_draws_at_random_is_a_reason():
    """Whatever draws in training is found by trying, and torch's generator is left as it was."""
    arm, split = build()
    assert not why_not(arm, split)
    arm.model.input_embedding = nn.Sequential(arm.model.input_embedding, nn.Dropout(0.01))
    before = torch.get_rng_state()
    assert "draws at random" in why_not(arm, split)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fresh_split_is_a_reason():
    """bits/memory draws its training samples anew in each epoch."""
    arm = fpt.build("bits/memory", **SETTINGS)
    split = read_split(arm.plugins, arm.task, "train", 0)
    assert isinstance(split, FreshSplit)
    assert "drawn anew in each epoch" in why_not(arm, split)


def test_features_beyond_memory_are_a_reason(monkeypatch):
    """1197 samples of 256 fp32 numbers are 1,225,728 bytes: one byte less and they are not held."""
    arm, split = build()
    monkeypatch.setattr(features, "MOST_BYTES", 1197 * 256 * 4)
    assert not why_not(arm, split)
    monkeypatch.setattr(features, "MOST_BYTES", 1197 * 256 * 4 - 1)
    assert "they would take 1 MB" in why_not(arm, split)
