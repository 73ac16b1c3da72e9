"""The controls of one random layer: attention alone, and one block."""

import pytest
import torch

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.controls import ATTENTION_1, BLOCK_1, BlockOptions
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError
from subjects import attention, encoder

SMALL = {"width": 8, "heads": 2, "positions": 9}
both = pytest.mark.parametrize("spec", [ATTENTION_1, BLOCK_1], ids=lambda spec: spec.name)


def build(spec, *, seed=0, length=6, dropout=0.0, **options):
    settings = BlockOptions(**{**SMALL, **options})
    return spec.build(
        spec,
        BackboneRequest(init="random", init_seed=seed, length=length, dropout=dropout, options=settings),
    )


def scrambled(body):
    """No bias is left at zero and no norm at one, where a mistake would not show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return body.eval()


def batch():
    inputs = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    return inputs, torch.arange(6) < torch.tensor([[6], [4]])


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", [0, 9])
def test_attention_1_is_the_closed_form(causal, positions):
    """Hidden states of a padded batch equal norm(h + attention(norm(h))) of each sample alone, to 1e-5."""
    body, (inputs, mask) = scrambled(build(ATTENTION_1, causal=causal, positions=positions)), batch()
    hidden = body(inputs, mask)
    for row, length in enumerate(mask.sum(1)):
        entered = inputs[row, :length] + (body.positions.weight[:length] if positions else 0)
        attended = attention(body.attention_norm(entered), body.attention, causal=causal)
        torch.testing.assert_close(
            hidden[row, :length], body.last_norm(entered + attended), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("causal", [True, False])
def test_block_1_is_torchs_encoder_layer(causal):
    """Hidden states equal ``nn.TransformerEncoder`` of one pre-norm layer with the same weights, to 1e-5."""
    body, (inputs, mask) = scrambled(build(BLOCK_1, causal=causal)), batch()
    later = torch.ones(6, 6, dtype=torch.bool).triu(1) if causal else None
    entered = inputs + body.positions.weight
    torch.testing.assert_close(
        body(inputs, mask)[mask],
        encoder(body)(entered, mask=later, src_key_padding_mask=~mask)[mask],
        atol=1e-5,
        rtol=0,
    )


@both
@pytest.mark.parametrize("causal", [True, False])
def test_direction_is_the_options(spec, causal):
    """Changing the last token moves it alone where the layer is causal, and all tokens where it is not."""
    body, (inputs, _) = scrambled(build(spec, causal=causal)), batch()
    mask, changed = torch.ones(2, 6, dtype=torch.bool), inputs.clone()
    changed[:, -1, 0] += 1
    with torch.no_grad():
        moved = (body(inputs, mask) != body(changed, mask)).any(2).all(0).tolist()
    assert moved == ([False] * 5 + [True] if causal else [True] * 6)
    assert body.causal is causal


@both
def test_groups_sum_to_the_whole_and_each_parameter_trains(spec):
    """Norms, positions, attention and feed-forward are all there is, and each receives a gradient."""
    body, (inputs, mask) = build(spec), batch()
    groups, named = body.parameter_groups(), dict(body.named_parameters())
    assert set(groups) == {"layer_norm", "position", "attention", *(["mlp"] if spec is BLOCK_1 else [])}
    assert sorted(n for names in groups.values() for n in names) == sorted(named)
    body(inputs, mask)[mask].sin().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in body.parameters())
    assert "position" not in build(spec, positions=0).parameter_groups()
    (block,) = body.blocks()
    assert set(named) - set(block) == {"positions.weight", "last_norm.weight", "last_norm.bias"}


@both
def test_gradients_pass_through_the_frozen_layer(spec):
    """Though all is frozen, real positions of the input receive a gradient, and padding receives none."""
    body, (inputs, mask) = build(spec).requires_grad_(requires_grad=False), batch()
    inputs.requires_grad_()
    body(inputs, mask)[mask].sin().sum().backward()
    assert (inputs.grad[mask].abs().amax(1) > 0).all()
    assert (inputs.grad[~mask] == 0).all()


@both
def test_a_body_is_its_seed(spec):
    """The digest is over the drawn tensors, follows the seed, and not the length that is held."""
    body = build(spec, length=9)
    assert body.source_digest == digest(dict(body.named_parameters()))
    assert build(spec, length=3).source_digest == body.source_digest
    assert len(build(spec, length=3).positions.weight) == 3
    assert build(spec, seed=1).source_digest != body.source_digest


@both
def test_dropout_is_what_the_request_says(spec):
    """While training, two passes are equal without dropout and differ with it; evaluation never drops."""
    inputs, mask = batch()
    without, with_dropout = build(spec), build(spec, dropout=0.5)
    assert torch.equal(without.train()(inputs, mask), without(inputs, mask))
    assert not torch.equal(with_dropout.train()(inputs, mask), with_dropout(inputs, mask))
    torch.testing.assert_close(with_dropout.eval()(inputs, mask), without.eval()(inputs, mask))


@both
def test_shapes_that_cannot_be_are_refused(spec):
    """Heads that do not divide the width, and too few positions, each in one line."""
    with pytest.raises(ConfigurationError, match="a width of 8 cannot be divided among 3 heads"):
        build(spec, heads=3)
    with pytest.raises(ConfigurationError, match="longer than the 5 positions") as refused:
        build(spec, positions=5)
    assert refused.value.remedy == "add --backbone-option positions=6"
