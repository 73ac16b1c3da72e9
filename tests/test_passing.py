"""A batch in parts and blocks computed again give the whole batch's gradient; no bad step is taken."""

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.data import Batch, read_split
from fpt_plugins.finite_steps import FiniteSteps
from fpt_plugins.passing import pass_batch
from fpt_plugins.processes import Launched

SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 2},
    "batch_size": 6,
    "dropout": 0.0,
    "precision": "fp32",
}


def passed(settings, prepare=lambda arm: None):
    """Loss, metrics and gradients of the first training batch."""
    arm = fpt.build("bits/xor", **{**SETTINGS, **settings})
    prepare(arm)
    batch = read_split(arm.plugins, arm.task, "train", 0).batch([(index, 0) for index in range(6)])
    parts = list(batch.parts(arm.configuration.micro_batch_size or len(batch)))
    result = pass_batch(arm, arm.model.train(), parts, 3, Launched(arm.precision.device))
    gradients = {name: arm.model.get_parameter(name).grad for name in arm.partition.trained_names}
    return result.loss, result.scores(arm), gradients


@pytest.mark.parametrize("size", [1, 4, 5, 6, 100])
def test_parts_are_the_whole(size):
    """In parts of any size loss, metrics and every gradient are the whole batch's: fp32, 1e-5."""
    torch.testing.assert_close(passed({"micro_batch_size": size}), passed({}), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize("backbone", ["gpt2-mini", "minilm"])
def test_blocks_computed_again_are_the_same(backbone, dropout):
    """With gradient checkpointing loss and gradients are the same, dropout included: fp32, 1e-6."""
    settings = {"backbone": backbone, "dropout": dropout}
    again = passed(settings, lambda arm: arm.model.backbone.checkpoint_gradients())
    torch.testing.assert_close(again, passed(settings), rtol=1e-6, atol=1e-6)


def test_blocks_of_a_vision_body_are_computed_again():
    """Blocks of timm run twice as often with gradient checkpointing, and gradients are the same."""
    calls = []

    def counted(arm, *, again):
        block = arm.model.backbone.model.blocks[0]
        block.attn.register_forward_pre_hook(lambda *_: calls.append(block))
        if again:
            arm.model.backbone.checkpoint_gradients()

    settings = {"backbone": "timm:vit_tiny_patch16_224", "backbone_options": {"layers": 2}}
    once = passed(settings, lambda arm: counted(arm, again=False))
    assert len(calls) == 1
    twice = passed(settings, lambda arm: counted(arm, again=True))
    assert len(calls) == 3
    torch.testing.assert_close(twice, once, rtol=1e-6, atol=1e-6)


def test_a_body_without_blocks_refuses_to_compute_them_again(tmp_path):
    """An LSTM has none; the error offers the other way to save memory."""
    with pytest.raises(fpt.ConfigurationError, match=r"(?s)lstm has no blocks.*--micro-batch-size"):
        fpt.train("bits/xor", out=tmp_path / "run", backbone="lstm", gradient_checkpointing=True)
    assert not (tmp_path / "run").exists()


def test_parts_of_a_batch():
    """Slices in order; what is not there stays away."""
    batch = Batch(torch.arange(10).view(5, 2), torch.ones(5, 2, dtype=torch.bool), torch.arange(5))
    parts = list(batch.parts(2))
    assert [part.targets.tolist() for part in parts] == [[0, 1], [2, 3], [4]]
    assert torch.equal(torch.cat([part.tokens for part in parts]), batch.tokens)
    assert all(part.features is None for part in parts)


def test_nothing_after_a_step_that_is_not_finite_is_taken():
    """Asked only at the end, the first bad step is named; it and the good one after it moved nothing."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter], lr=0.1, fused=True)
    steps = FiniteSteps(optimizer, parameter.device)
    held = []
    for step, loss in enumerate([1.0, float("nan"), 2.0], start=1):
        parameter.grad = torch.full((3,), loss)
        steps.take(step, torch.tensor(loss), 10.0)
        held.append(parameter.detach().clone())
    torch.testing.assert_close(held[0], torch.full((3,), 0.9))  # Adam's first step is the rate
    assert torch.equal(held[1], held[0])
    assert torch.equal(held[2], held[0])
    with pytest.raises(fpt.NonFiniteError, match="at step 2 the loss is nan"):
        steps.check()


def test_finite_steps_are_adams():
    """Three steps, clipped, end where PyTorch's clipping and Adam's plain implementation end."""
    ours, plain = (torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    fused, single = torch.optim.Adam([ours], fused=True), torch.optim.Adam([plain], foreach=False)
    steps = FiniteSteps(fused, ours.device)
    for step in range(1, 4):
        ours.grad, plain.grad = ours.detach() * step, plain.detach() * step
        expected = torch.nn.utils.clip_grad_norm_([plain], 2.0)
        assert steps.take(step, torch.tensor(1.0), 2.0) == expected
        steps.check()
        single.step()
    assert expected > 2.0
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-7)
