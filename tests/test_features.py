"""Features of the frozen body: computed once, equal to what each step would compute, refused with reasons."""

import json
import signal
import time
from types import SimpleNamespace

import attrs
import pytest
import safetensors.torch
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, data, features
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.data import FreshSplit, read_split
from fpt_plugins.feature_store import FiledFeatures
from fpt_plugins.features import FeatureSplit, why_not, with_features
from fpt_plugins.model import FrozenPretrainedTransformer
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.storage import temporary_name
from fpt_plugins.training import open_training
from fpt_plugins.training_loop import Training

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


def test_a_later_epoch_is_the_heads_alone(tmp_path, monkeypatch):
    """After the first look no sample is padded and none passes the body: both are done for all at once."""
    collated, collate = [], data.collate
    monkeypatch.setattr(data, "collate", lambda *given: collated.append(len(given[1])) or collate(*given))
    train(tmp_path / "run", steps=120)
    trial, batches = [1], [128] * (1197 // 128) + [1197 % 128]
    assert collated[: len(trial) * 2] == trial * 2
    assert sum(collated) == 2 + 2 * sum(SAMPLES.values())  # through the body, and once as a whole
    assert collated[2 : 2 + len(batches)] == batches


@pytest.mark.heavy
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_later_epoch_takes_a_hundredth(tmp_path, precision):
    """On minilm, a pass over images/digits and a look take under 1 % of the first ones' processor time."""
    steps, epochs = -(-SAMPLES["train"] // 32), 8
    settings = {"train": "head", "precision": precision, "device": "cpu", "steps": steps * epochs}
    spent = []
    with open_training(
        "images/digits", tmp_path / "run", resume=False, settings={**settings, "evaluate_every": steps}
    ) as training:
        begun = time.process_time()
        for row in training.rows():  # the time of a checkpoint, which proves the body, is left out
            if row["step"] % steps == 1:
                begun = time.process_time() if row["step"] > 1 else begun
            if row["split"] == "validation":
                spent.append(time.process_time() - begun)
    assert spent[0] > 100 * min(spent[1:])  # noise only adds to a time, as timeit says


def test_features_beyond_memory_go_into_a_file(tmp_path, monkeypatch):
    """The run is bit for bit that with features in memory; the file is removed, also where the run fails."""
    train(tmp_path / "held", precision="bf16")
    monkeypatch.setattr(features, "MOST_BYTES", 1000)
    monkeypatch.setattr(features, "MOST_TOKEN_BYTES", 1000)
    seen, take = set(), FiledFeatures.take
    monkeypatch.setattr(FiledFeatures, "take", lambda self, at: seen.add(self._path) or take(self, at))
    train(tmp_path / "filed", precision="bf16")
    held, filed = tensors(tmp_path / "held"), tensors(tmp_path / "filed")
    assert all(torch.equal(held[name], tensor) for name, tensor in filed.items())
    assert [row["loss"] for row in rows(tmp_path / "filed")] == [
        row["loss"] for row in rows(tmp_path / "held")
    ]
    assert {path.parent for path in seen} == {tmp_path / "filed"}
    assert len(seen) == 2
    assert not [path for path in seen if path.exists()]
    settings = {**SETTINGS, "precision": "bf16"}
    with (  # noqa: PT012 - the rows drive the run
        pytest.raises(OSError, match="the disk is gone"),
        open_training("images/digits", tmp_path / "failed", resume=False, settings=settings) as training,
    ):
        next(training.rows())
        assert list((tmp_path / "failed").glob("*features*"))
        raise OSError("the disk is gone")
    assert not list((tmp_path / "failed").glob("*features*"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_file_gives_back_the_bits(tmp_path, dtype):
    """Rows put in any order come back as they were, at any places, also twice the same."""
    values = torch.randn(20, 2, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    store = FiledFeatures(tmp_path / "rows.h5", 20, values[0])
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1)).tolist()
    for start in range(0, 20, 7):
        store.put(order[start : start + 7], values[order[start : start + 7]])
    chosen = torch.tensor([3, 19, 3, 0])
    assert torch.equal(store.take(chosen), values[chosen])
    store.close()
    assert not (tmp_path / "rows.h5").exists()


def test_a_file_of_a_process_that_died_is_swept(tmp_path):
    """Its name is one that the run's next lock removes."""
    folder = RunFolder.open(Configuration.of("bits/xor"), tmp_path / "run", resume=False, given={})
    left = temporary_name(folder.path / "features-1.h5")
    left.write_bytes(b"half")
    with folder.lock():
        assert not left.exists()


def build(**changes):
    arm = fpt.build("images/digits", **{**SETTINGS, **changes})
    return arm, read_split(arm.plugins, arm.task, "train", 0)


def test_features_are_computed_in_smaller_parts_where_memory_is_short(tmp_path, monkeypatch):
    """With room for seven samples, which is found out once, they are those of whole batches, to rounding."""
    arm, split = build()
    whole_batch = FeatureSplit(arm, split, tmp_path).batch([(5, 0), (700, 0)])
    real, sizes = type(arm.model).features, []

    def short(model, tokens, *others):
        sizes.append(len(tokens))
        if len(tokens) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, tokens, *others)

    monkeypatch.setattr(type(arm.model), "features", short)
    found = FeatureSplit(arm, split, tmp_path).batch([(5, 0), (700, 0)])
    torch.testing.assert_close(found.features, whole_batch.features, rtol=1e-5, atol=1e-5)
    assert [size for size in sizes if size > 7] == [128, 64, 32, 16, 8]


def test_a_batch_brings_what_the_model_computes(tmp_path):
    """Features of some samples are those of the model for these very tokens, and tokens come too."""
    arm, split = build()
    chosen = [(5, 0), (700, 3), (5, 1)]
    batch, plain = FeatureSplit(arm, split, tmp_path).batch(chosen), split.batch(chosen)
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
    assert with_features(arm, split, tmp_path) is split


def test_a_wrapper_is_a_reason(tmp_path):
    """What another plugin wraps may be another sample at every step."""
    arm, split = build()
    arm = attrs.evolve(arm, configuration=attrs.evolve(arm.configuration, wrappers=("flips",)))
    assert "--with flips" in why_not(arm, split, tmp_path)


def test_an_embedding_that_draws_at_random_is_a_reason(tmp_path):
    """Whatever draws in training is found by trying, and torch's generator is left as it was."""
    arm, split = build()
    assert not why_not(arm, split, tmp_path)
    arm.model.input_embedding = nn.Sequential(arm.model.input_embedding, nn.Dropout(0.01))
    before = torch.get_rng_state()
    assert "draws at random" in why_not(arm, split, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fresh_split_is_a_reason(tmp_path):
    """bits/memory draws its training samples anew in each epoch."""
    arm = fpt.build("bits/memory", **SETTINGS)
    split = read_split(arm.plugins, arm.task, "train", 0)
    assert isinstance(split, FreshSplit)
    assert "drawn anew in each epoch" in why_not(arm, split, tmp_path)


def test_features_beyond_the_disk_are_a_reason(tmp_path, monkeypatch):
    """1197 samples of 256 fp32 numbers are 1,225,728 bytes: more than memory and disk have is refused."""
    arm, split = build()
    monkeypatch.setattr(features, "MOST_BYTES", 1197 * 256 * 4 - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1197 * 256 * 4))
    assert not why_not(arm, split, tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1197 * 256 * 4 - 1))
    assert f"they would take 1 MB, and {tmp_path} has 1 MB left" in why_not(arm, split, tmp_path)
    monkeypatch.setattr(features, "MOST_BYTES", 1197 * 256 * 4)
    assert not why_not(arm, split, tmp_path)
