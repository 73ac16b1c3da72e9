"""Runs that train what a policy adds: what is stored, resumed, loaded and shown."""

import pytest
import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, FptError
from fpt_plugins.adapter_files import read_description
from fpt_plugins.cli import launch
from fpt_plugins.freezing import FrozenState
from fpt_plugins.record import read_record
from fpt_plugins.training import open_training

BODIES = {"gpt2-mini": 256, "minilm": 384}
"""Names and widths."""

ADDED = "lora,bottleneck,prompt"
OPTIONS = {"rank": 2, "alpha": 4, "width": 3, "virtual_tokens": 4}
SETTINGS = {
    "init": "random",
    "backbone_options": {"layers": 1},
    "steps": 4,
    "batch_size": 8,
    "evaluate_every": 4,
    "lr": 0.01,
    "device": "cpu",
}


def settings(backbone="gpt2-mini", train=ADDED, **changes):
    given = {"policy_options": OPTIONS} if train == ADDED else {}
    return {"backbone": backbone, "train": train, **SETTINGS, **given, **changes}


def run(path, **given):
    """Trains, and returns the arm with the record."""
    with open_training("bits/xor", path, resume=False, settings=given) as training:
        list(training.rows())
        return training.arm, training.finish()


def outputs(arm):
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    with arm.evaluating():
        return arm.outputs(fpt.Batch(tokens, torch.ones(2, 10, dtype=torch.bool)))


def expected_sizes(width):
    """Of one block: LoRA at q, k, v and the output, two bottlenecks, four virtual tokens."""
    fused = 2 * (width + 3 * width) + 2 * (width + width)  # GPT-2's one matrix for q, k and v
    separate = 4 * 2 * (width + width)
    return {
        "lora": fused if width == BODIES["gpt2-mini"] else separate,
        "bottleneck": 2 * (2 * 3 * width + 3 + width),
        "prompt": 4 * width,
        "input": 2 * width,
        "head": 2 * width + 2,
    }


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("backbone", BODIES)
def test_an_adapter_is_the_run_bit_for_bit(backbone, precision, tmp_path):
    """What is loaded computes bitwise what was trained; the file holds what trained, in fp32, alone."""
    given = settings(backbone, precision=precision)
    start = fpt.build("bits/xor", **given)
    arm, record = run(tmp_path / "run", **given)
    loaded = fpt.load(tmp_path / "run", device="cpu")
    assert torch.equal(outputs(loaded), outputs(arm))
    assert not torch.equal(outputs(loaded), outputs(start))
    tensors = safetensors.torch.load_file(tmp_path / "run" / "adapter" / "adapter.safetensors")
    assert set(tensors) == set(arm.partition.trained_names)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    moved = {
        n for n, p in start.model.named_parameters() if not torch.equal(p, loaded.model.get_parameter(n))
    }
    assert moved == set(tensors)
    assert record.held_digest_before == record.held_digest_after == FrozenState(start.model).held_digest
    assert (
        record.source_digest
        == fpt.build("bits/xor", **settings(backbone, "fpt")).model.backbone.source_digest
    )


@pytest.mark.parametrize("backbone", BODIES)
def test_the_record_counts_what_was_added(backbone, tmp_path):
    """Each group has the size of its closed form, they sum to what trained, and the options are recorded."""
    arm, record = run(tmp_path / "run", **settings(backbone))
    trained = {g: count.trained_parameters for g, count in record.parameters.items() if count.trained}
    assert trained == expected_sizes(BODIES[backbone])
    assert sum(trained.values()) == sum(p.numel() for p in arm.model.parameters() if p.requires_grad)
    assert record.configuration["policy_options"] == OPTIONS
    assert read_description(tmp_path / "run")["groups"].keys() == trained.keys()
    assert read_record(tmp_path / "run").configuration["train"] == ADDED


def test_defaults_are_recorded():
    """What was not given stands in the configuration with its value."""
    arm = fpt.build("bits/xor", **settings(train="lora,head"))
    assert arm.configuration.policy_options == {"rank": 8, "alpha": 8.0}


STAGED = "head,@2,lora,layer_norm,@4,prompt"


def test_stages_train_what_they_add(tmp_path):
    """Before its stage what will be added is there and frozen; the run resumes across a boundary bitwise."""
    given = settings(train=STAGED, steps=6, evaluate_every=2, precision="fp32")
    whole, record = run(tmp_path / "whole", **given)
    with open_training("bits/xor", tmp_path / "parts", resume=False, settings=given) as training:
        for row in training.rows():
            if row["split"] == "validation" and row["step"] == 4:
                still = training.arm.model.get_parameter("backbone.prompt.embedding.weight")
                start = fpt.build("bits/xor", **given).model.get_parameter("backbone.prompt.embedding.weight")
                assert torch.equal(still, start)
                break  # before the checkpoint of step 4: it goes on from step 2
    assert fpt.train("bits/xor", out=tmp_path / "parts", resume=True, **given).held_digest_after == (
        record.held_digest_after
    )
    files = [tmp_path / name / "adapter" / "adapter.safetensors" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [stage.policy for stage in record.stages] == ["head", "lora,layer_norm", "prompt"]
    assert whole.partition.trained == {"input", "head", "layer_norm", "lora", "prompt"}


def test_a_group_rate_moves_its_group_alone(tmp_path):
    """Adam's first step moves a number by its group's rate: LoRA's B, from zero, by 1e-3."""
    given = settings(train="lora", steps=1, evaluate_every=1, clip=1e9, precision="fp32")
    arm, _ = run(tmp_path / "run", **given, group_lr={"lora": 1e-3})
    second = [n for n in arm.partition.groups["lora"] if "lora_B" in n]
    moved = torch.cat([arm.model.get_parameter(name).detach().abs().flatten() for name in second])
    assert moved.max().item() == pytest.approx(1e-3, rel=1e-3)
    with pytest.raises(ConfigurationError, match="--group-lr lora has no effect"):
        fpt.train("bits/xor", out=tmp_path / "none", **settings(train="fpt"), group_lr={"lora": 1e-3})


def test_features_are_not_cached_above_an_addition(tmp_path):
    """What lies below the head and trains forbids it, with the reason."""
    with pytest.raises(ConfigurationError, match="lora trains below the head"):
        fpt.train("bits/xor", out=tmp_path / "run", **settings(train="lora"), cache_features=True)


def test_a_body_with_additions_is_no_pretrained_one(tmp_path):
    """``run:PATH`` refuses a run whose body had additions, and names a tensor of them."""
    run(tmp_path / "run", **settings(train="full,lora", steps=1, evaluate_every=1))
    with pytest.raises(
        FptError, match=r"which this body lacks\n  take a run that was trained with --train full"
    ):
        fpt.build("bits/xor", **settings(train="fpt", init=f"run:{tmp_path / 'run'}"))


def test_the_command_line_trains_and_shows_them(tmp_path, capsys):
    """``--policy-option`` reaches the policy; the table before the run and ``fpt show`` have its row."""
    words = ["train", "bits/xor", "--train", "lora,layer_norm", "--policy-option", "rank=2", "alpha=4"]
    words += ["--group-lr", "lora=1e-3", "--backbone", "gpt2-mini", "--init", "random", "--steps", "1"]
    words += ["--backbone-option", "layers=1", "--device", "cpu", "--out", str(tmp_path / "run")]
    launch(*words)
    announced = capsys.readouterr().err
    launch("show", str(tmp_path / "run"))
    size = 2 * (256 + 3 * 256) + 2 * (256 + 256)
    for shown in (announced, capsys.readouterr().out):
        (row,) = (line for line in shown.splitlines() if "lora" in line and "trains" in line)
        assert f"{size:,}" in row
    assert "(lora 0.001)" in announced
