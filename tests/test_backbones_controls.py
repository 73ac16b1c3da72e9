"""The controls: no body, and a recurrent one."""

import math

import pytest
import torch

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.controls import LSTM, NONE, LSTMOptions, NoBodyOptions
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError
from subjects import recurrence


def build(spec, options, *, seed=0, length=6):
    request = BackboneRequest(init="random", init_seed=seed, length=length, dropout=0.0, options=options)
    return spec.build(spec, request)


def batch():
    inputs = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    return inputs, torch.arange(6) < torch.tensor([[6], [4]])


def test_none_returns_its_inputs():
    """``none`` has no parameters, and its hidden states are the embeddings, of any width."""
    body, (inputs, mask) = build(NONE, NoBodyOptions(width=8)), batch()
    assert torch.equal(body(inputs, mask), inputs)
    assert (body.embed_dim, list(body.parameters()), body.parameter_groups()) == (8, [], {})


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("positions", [0, 9])
def test_lstm_is_the_recurrence(residual, positions):
    """Hidden states equal the recurrence written out, a zero start, and a norm after each layer, to 1e-5."""
    body = build(LSTM, LSTMOptions(width=8, residual=residual, positions=positions)).eval()
    inputs, mask = batch()
    expected = inputs + (body.positions.weight if positions else 0)
    for layer in body.layers:
        outputs = recurrence(expected, layer) + (expected if residual else 0)
        expected = torch.nn.functional.layer_norm(outputs, (8,))
    torch.testing.assert_close(body(inputs, mask), expected, atol=1e-5, rtol=0)


def test_padding_of_an_lstm_changes_nothing():
    """A padded sample's real positions equal those of the same sample alone."""
    body, (inputs, mask) = build(LSTM, LSTMOptions(width=8)), batch()
    torch.testing.assert_close(body(inputs, mask)[1, :4], body(inputs[1:, :4], mask[1:, :4])[0])


def test_groups_of_an_lstm_sum_to_the_whole():
    """Norms, positions and recurrent layers are all there is, and each receives a gradient."""
    body, (inputs, mask) = build(LSTM, LSTMOptions(width=8, positions=9)), batch()
    groups = body.parameter_groups()
    assert set(groups) == {"layer_norm", "position", "mlp"}
    assert sorted(n for names in groups.values() for n in names) == sorted(dict(body.named_parameters()))
    body(inputs, mask).sin().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in body.parameters())


def test_an_lstm_is_its_seed():
    """The digest is over the drawn tensors, follows the seed, and not the length that is held."""
    options = LSTMOptions(width=8, positions=6)
    body = build(LSTM, options)
    assert body.source_digest == digest(dict(body.named_parameters()))
    assert build(LSTM, options, length=3).source_digest == body.source_digest
    assert build(LSTM, options, seed=1).source_digest != body.source_digest


def test_an_lstm_is_drawn_as_torch_draws_it():
    """Recurrent tensors are uniform within 1 / sqrt(width): that bound is nearly reached and never passed."""
    body = build(LSTM, LSTMOptions(width=64))
    for parameter in body.layers.parameters():
        assert parameter.abs().max() <= 1 / math.sqrt(64)
        assert parameter.abs().max() > 0.95 / math.sqrt(64)
        assert abs(parameter.mean()) < 5 / math.sqrt(3 * 64 * parameter.numel())


def test_sequences_beyond_an_lstms_positions_are_refused():
    """A table of positions that is too short is refused with the option to change."""
    with pytest.raises(ConfigurationError, match="longer than the 5 positions") as refused:
        build(LSTM, LSTMOptions(width=8, positions=5))
    assert refused.value.remedy == "add --backbone-option positions=6"
