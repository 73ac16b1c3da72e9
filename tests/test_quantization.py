"""Quantized frozen bodies: fewer bytes, gradients as before, the same digests and refusals."""

import sys

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

import fpt_plugins as fpt
from fpt_plugins.freezing import FrozenState
from fpt_plugins.quantization import QuantizedLinear
from fpt_plugins.record import read_record

BODY = {"backbone": "gpt2-mini", "init": "random", "init_seed": 0, "backbone_options": {"layers": 1}}
INT8 = {**BODY, "device": "cpu", "quantize": "int8"}


@pytest.fixture
def _torchao():
    pytest.importorskip("torchao", reason="the extra 'quantization' is not installed")


with_torchao = pytest.mark.usefixtures("_torchao")


def step(weight):
    """Between two numbers of a row that are kept: 255 of them from its largest to minus that."""
    return weight.abs().amax(dim=1, keepdim=True) / 127.5


def matrices(arm):
    return [module.weight for module in arm.model.modules() if isinstance(module, QuantizedLinear)]


def held_bytes(weights):
    """Of the storages below, each once."""
    parts = [
        getattr(weight, name) if hasattr(weight, "__tensor_flatten__") else weight
        for weight in weights
        for name in (weight.__tensor_flatten__()[0] if hasattr(weight, "__tensor_flatten__") else [""])
    ]
    return sum(part.numel() * part.element_size() for part in parts)


@with_torchao
@pytest.mark.parametrize("kind", [nn.Linear, Conv1D])
def test_a_layer_computes_with_its_rounded_matrix_and_passes_its_gradient(kind):
    """In fp32 as with a plain matrix, each number of which is within half a step of the one it had."""
    from fpt_plugins.quantization import quantize_frozen

    torch.manual_seed(0)
    layer = nn.Linear(16, 24) if kind is nn.Linear else Conv1D(24, 16)
    weight = (layer.weight if kind is nn.Linear else layer.weight.mT).detach()
    model = nn.ModuleDict({"backbone": nn.ModuleDict({"one": layer.requires_grad_(requires_grad=False)})})
    quantize_frozen(model, frozenset())
    inputs = torch.randn(3, 16, requires_grad=True)
    outputs = model["backbone"]["one"](inputs)
    outputs.square().sum().backward()
    other = inputs.detach().clone().requires_grad_()
    matrix = model["backbone"]["one"].weight.dequantize()
    assert 0 < ((matrix - weight).abs() / step(weight)).max() < 0.501
    expected = nn.functional.linear(other, matrix, layer.bias)
    expected.square().sum().backward()
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(inputs.grad, other.grad, rtol=1e-5, atol=1e-5)
    assert model["backbone"]["one"].weight.grad is None


@with_torchao
@pytest.mark.parametrize("family", ["gpt2", "bert", "llama"])
@pytest.mark.parametrize(("precision", "share"), [("fp32", 4), ("bf16", 2)])
def test_the_matrices_take_a_quarter_or_half_of_their_bytes(family, precision, share, tiny_body):
    """One byte per element and a scale per row, in the place of four or two bytes."""
    settings = {**tiny_body(family), "device": "cpu", "precision": precision}
    weights = matrices(fpt.build("bits/xor", quantize="int8", **settings))
    rows = sum(len(weight) for weight in weights)
    elements = sum(weight.numel() for weight in weights)
    assert elements <= held_bytes(weights) <= elements + 5 * rows
    assert weights[0].dtype.itemsize == share


@with_torchao
def test_what_trains_gets_its_gradient_through_the_quantized_body():
    """Every trained tensor gets one, close to the one through the body as it was; nothing frozen does."""
    batch = fpt.Batch(torch.randint(0, 2, (4, 10)), torch.ones(4, 10, dtype=torch.bool))
    found = {}
    for quantize in ("none", "int8"):
        arm = fpt.build("bits/xor", **{**INT8, "quantize": quantize}, precision="fp32")
        arm.outputs(batch).square().sum().backward()
        found[quantize] = {name: arm.model.get_parameter(name).grad for name in arm.partition.trained_names}
        frozen = [p for n, p in arm.model.named_parameters() if n not in arm.partition.trained_names]
        assert all(parameter.grad is None for parameter in frozen)
    for name, expected in found["none"].items():
        difference = (found["int8"][name] - expected).norm() / expected.norm().clamp_min(1e-6)
        assert 0 < difference < 0.2, name


@with_torchao
@pytest.mark.parametrize("part", ["qdata", "scale"])
def test_a_number_that_changes_is_named(part):
    """The digest covers what a quantized tensor is made of."""
    arm = fpt.build("bits/xor", **INT8)
    state = FrozenState(arm.model)
    weight = arm.model.get_parameter("backbone.model.h.0.mlp.c_fc.weight")
    getattr(weight, part).view(-1)[3] += 1
    with pytest.raises(fpt.FrozenError, match=r"backbone\.model\.h\.0\.mlp\.c_fc\.weight changed"):
        state.verify(arm.model)


@with_torchao
def test_a_run_is_recorded_loaded_and_banked_as_it_was_trained(tmp_path):
    """The word is in the record and the adapter's description; a loaded arm and a bank compute alike."""
    settings = {**INT8, "steps": 4, "batch_size": 4, "precision": "fp32"}
    record = fpt.train("bits/xor", out=tmp_path / "run", lr=0.01, **settings)
    assert "torchao" in record.versions
    assert read_record(tmp_path / "run").configuration["quantize"] == "int8"
    arm = fpt.load(tmp_path / "run", device="cpu")
    assert len(matrices(arm)) == 4
    trained = record.evaluations["validation"].metrics["loss"]
    loaded = fpt.evaluate(tmp_path / "run", "validation", again=True, device="cpu").metrics["loss"]
    assert loaded == pytest.approx(trained, abs=1e-6)  # of batches of another size
    found = fpt.train_population("bits/xor", out=tmp_path / "all", lr=(0.01, 0.02), **settings)
    alone, together = (
        each.evaluations["validation"].metrics["loss"] for each in (record, found["lr=0.01-seed=0"])
    )
    assert together == pytest.approx(alone, abs=1e-5)
    fpt.train("bits/xor", out=tmp_path / "plain", lr=0.01, **{**settings, "quantize": "none"})
    with pytest.raises(fpt.ConfigurationError, match="quantization int8, and none"):
        fpt.load_many([tmp_path / "run", tmp_path / "plain"], device="cpu")


@with_torchao
def test_a_layer_that_trains_is_left_as_it_is():
    """What is fine-tuned is not rounded: here the last block, the other being quantized."""
    body = {**INT8, "backbone_options": {"layers": 2}}
    arm = fpt.build("bits/xor", train="last-block", **body)
    blocks = arm.model.backbone.model.h
    assert isinstance(blocks[0].mlp.c_fc, QuantizedLinear)
    assert not isinstance(blocks[1].mlp.c_fc, QuantizedLinear)


def test_without_the_library_it_is_refused_with_the_line_that_installs_it(monkeypatch):
    """Nothing is trained in another way than was asked."""
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(fpt.ConfigurationError, match=r"needs torchao(.|\n)*fpt-plugins\[quantization\]"):
        fpt.build("bits/xor", **INT8)


@with_torchao
def test_a_body_without_linear_layers_is_refused():
    """There would be nothing to quantize."""
    with pytest.raises(fpt.ConfigurationError, match="no linear layer that is frozen"):
        fpt.build("bits/xor", backbone="none", quantize="int8")


def test_four_bits_are_refused():
    """There is no such word: only what was tried is offered."""
    with pytest.raises(fpt.ConfigurationError, match="int4"):
        fpt.build("bits/xor", **{**INT8, "quantize": "int4"})
