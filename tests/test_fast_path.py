"""The fast path computes what the slow one computes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2Model
from transformers.pytorch_utils import Conv1D

import fpt_plugins as fpt
from fpt_plugins.backbones.attention import ProductAttention
from fpt_plugins.backbones.dropout import Dropout, drawn_mask, replace_dropout
from fpt_plugins.backbones.gelu_table import TableGELU
from fpt_plugins.backbones.last_block import seen_from
from fpt_plugins.backbones.packed_linear import PackedLinear
from fpt_plugins.precision import computes_in_bf16

BODIES = {"gpt2": "gpt2-mini", "bert": "minilm"}


def arm_of(backbone, precision="fp32", **settings):
    """A body of two random blocks; tasks with padding: the strings of a batch differ in length."""
    options = {"layers": 2, **settings.pop("backbone_options", {})}
    return fpt.build(
        "bits/xor",
        backbone=backbone,
        init="random",
        backbone_options=options,
        precision=precision,
        dropout=0.0,
        **settings,
    )


def samples(length=9):
    """Three samples, the last two padded."""
    tokens = torch.randint(0, 2, (3, length), generator=torch.Generator().manual_seed(0))
    return tokens, torch.arange(length) < torch.tensor([[length], [length - 1], [6]])


def outputs_and_gradients(arm, tokens, mask):
    """What the head reads, and the gradient of every trained parameter under a fixed projection."""
    arm.model.train()
    with arm.precision.autocast():
        read = arm.model.features(tokens, mask)
    weights = torch.randn(read.shape, generator=torch.Generator().manual_seed(1))
    (read.float() * weights).sum().backward()
    trained = [p for p in arm.model.parameters() if p.requires_grad and p.grad is not None]
    return read.detach(), [parameter.grad for parameter in trained]


@pytest.mark.parametrize("backbone", BODIES.values(), ids=BODIES)
def test_the_last_block_computes_what_is_read_as_the_whole_body_does(backbone):
    """Hidden states and gradients with padding equal the whole forward pass's: fp32, 1e-5."""
    tokens, mask = samples()
    whole, short = arm_of(backbone, fast=()), arm_of(backbone, fast=("last-block",))
    assert (whole.model.reads_positions, short.model.reads_positions) == (False, True)
    expected, found = (outputs_and_gradients(arm, tokens, mask) for arm in (whole, short))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backbone", BODIES.values(), ids=BODIES)
def test_other_positions_are_not_computed(backbone):
    """The feed-forward layer of the last block is given as many rows as are read, and no more."""
    arm = arm_of(backbone)
    tokens, mask = samples()
    rows = []
    last = arm.model.backbone.parameter_groups()["mlp"][-1].rpartition(".")[0]
    layer = arm.model.backbone.get_submodule(last)
    layer.register_forward_pre_hook(lambda _, inputs: rows.append(inputs[0].shape[:-1]))
    with arm.evaluating():
        arm.model(tokens, mask)
    assert rows == [(3, arm.task.readout.n)]


def test_a_body_that_cannot_read_positions_computes_all():
    """An LSTM has no such method, and with eager attention a transformer computes every position."""
    lstm = fpt.build("bits/xor", backbone="lstm", init="random")
    assert not lstm.model.reads_positions
    tokens, mask = samples()
    eager = arm_of("gpt2-mini", backbone_options={"attention": "eager"})
    expected = outputs_and_gradients(arm_of("gpt2-mini", fast=()), tokens, mask)
    torch.testing.assert_close(outputs_and_gradients(eager, tokens, mask), expected, rtol=1e-5, atol=1e-5)


def test_what_a_position_sees():
    """By hand: what is real, and in a causal body nothing later than itself."""
    mask = torch.tensor([[True, True, False]])
    positions = torch.tensor([[0, 1]])
    assert seen_from(positions, mask, causal=True).tolist() == [[[[True, False, False], [True, True, False]]]]
    assert seen_from(positions, mask, causal=False).tolist() == [[[[True, True, False]] * 2]]


KINDS = {
    "nothing": lambda seen: None,
    "boolean": lambda seen: seen,
    "added": lambda seen: torch.zeros(seen.shape).masked_fill(~seen, float("-inf")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("queries", [7, 2])
def test_attention_by_products_is_pytorchs(kind, queries):
    """Outputs and gradients of scaled_dot_product_attention in fp32: 1e-5."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, 3, n, 8, generator=generator).requires_grad_() for n in (queries, 7, 7)
    )
    seen = torch.ones(7, 7, dtype=torch.bool).tril()[-queries:].expand(2, 1, -1, -1)
    mask = KINDS[kind](seen)
    weights = torch.randn(2, queries, 3, 8, generator=generator)
    found = torch.autograd.grad(
        (ProductAttention.apply(query, key, value, mask, 0.3, 0.0) * weights).sum(), (query, key, value)
    )
    outputs = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.3).transpose(1, 2)
    expected = torch.autograd.grad((outputs * weights).sum(), (query, key, value))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_dropped_attention_has_the_gradient_of_its_own_mask():
    """With the mask that the seed draws, outputs and gradients are those of plain autograd."""
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(2, 2, 5, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(3)
    ]
    query, key, value = tensors
    torch.manual_seed(3)
    outputs = ProductAttention.apply(*tensors, None, 0.5, 0.25)
    found = torch.autograd.grad(outputs.sum(), tensors)
    torch.manual_seed(3)
    mask, scale = drawn_mask(torch.Size((2, 2, 5, 5)), 0.25)
    plain = (0.5 * query @ key.mT).float().softmax(-1).double() * -mask * scale @ value
    torch.testing.assert_close(outputs, plain.transpose(1, 2), rtol=1e-5, atol=1e-5)
    expected = torch.autograd.grad(plain.sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_attention_over_padding_alone_is_finite():
    """A row whose keys are all masked gives numbers, as a whole batch with padding must."""
    query = torch.randn(1, 1, 2, 4)
    mask = torch.tensor([[[[True, True], [False, False]]]])
    assert ProductAttention.apply(query, query, query, mask, 0.5, 0.0).isfinite().all()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_that_share(p):
    """Of a million ones: zeros within five standard deviations of a binomial, the rest 1 / (1 - p)."""
    torch.manual_seed(0)
    count = 1_000_000
    values = torch.ones(1000, 1000, requires_grad=True)
    outputs = Dropout(p)(values)
    outputs.sum().backward()
    dropped = int((outputs == 0).sum())
    assert abs(dropped - p * count) < 5 * (count * p * (1 - p)) ** 0.5
    torch.testing.assert_close(outputs.max().item(), 1 / (1 - p), rtol=1e-3, atol=0)  # p in steps of 1/32,768
    assert torch.equal(values.grad, outputs)


def test_dropout_is_a_function_of_the_seed():
    """The same seed drops the same elements, another seed others; in evaluation nothing is dropped."""
    layer, values = Dropout(0.5), torch.ones(100)

    def drawn(seed):
        torch.manual_seed(seed)
        return layer(values)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert torch.equal(layer.eval()(values), values)


def test_every_dropout_of_a_body_is_replaced():
    """No nn.Dropout is left, and each has the probability that it had."""
    body = GPT2Model(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=3, resid_pdrop=0.25))
    replace_dropout(body)
    kinds = [type(module) for module in body.modules()]
    assert (nn.Dropout in kinds, kinds.count(Dropout)) == (False, 4)
    assert body.h[0].mlp.dropout.p == 0.25


def layers():
    """A linear layer and GPT-2's transposed one, in bf16 and frozen but for the bias."""
    torch.manual_seed(0)
    for layer in (nn.Linear(48, 32), Conv1D(32, 48)):
        layer.to(torch.bfloat16).requires_grad_(requires_grad=False)
        layer.bias.requires_grad_()
        yield layer


@pytest.mark.skipif(not computes_in_bf16(torch.device("cpu")), reason="bf16 is emulated here")
def test_a_packed_layer_is_the_layer():
    """Outputs and gradients of inputs and bias are those of the layer itself in fp64, to bf16's 2**-8."""
    for layer in layers():
        inputs = torch.randn(2, 5, 48).to(torch.bfloat16).requires_grad_()
        weights = torch.randn(2, 5, 32).to(torch.bfloat16)
        packed = PackedLinear(layer)
        outputs = packed(inputs)
        found = torch.autograd.grad(outputs, (inputs, layer.bias), weights)
        exact = layer.double()
        expected = exact(inputs.double())
        gradients = torch.autograd.grad(expected, (inputs, exact.bias), weights.double())
        for ours, theirs in zip((outputs, *found), (expected, *gradients), strict=True):
            torch.testing.assert_close(ours.double(), theirs.double(), rtol=2**-7, atol=2**-7)


@pytest.mark.skipif(not computes_in_bf16(torch.device("cpu")), reason="bf16 is emulated here")
def test_packing_leaves_names_groups_and_digests():
    """A packed body has the parameters that it had, under the same names, with the same bytes."""
    plain, packed = (arm_of("gpt2-mini", "bf16", fast=fast) for fast in ((), ("packed",)))
    assert sum(isinstance(module, PackedLinear) for module in packed.model.modules()) == 8
    for (name, one), (other_name, other) in zip(
        plain.model.named_parameters(), packed.model.named_parameters(), strict=True
    ):
        assert name == other_name
        assert torch.equal(one, other)
    assert plain.partition == packed.partition


def test_what_trains_is_not_packed():
    """A policy that trains attention, now or in a later stage, leaves its layers as they are."""
    arm = arm_of("gpt2-mini", "bf16", train="head,@5,head,attention", steps=10)
    packed = {name for name, module in arm.model.named_modules() if isinstance(module, PackedLinear)}
    assert all(".mlp." in name for name in packed)


def test_fused_gelu_is_gpt2s():
    """PyTorch's tanh GELU is transformers' gelu_new: values and gradients in fp64 to 1e-12."""
    from transformers.activations import ACT2FN

    values = torch.linspace(-8, 8, 1001, dtype=torch.float64, requires_grad=True)
    new, fused = ACT2FN["gelu_new"](values), ACT2FN["gelu_pytorch_tanh"](values)
    torch.testing.assert_close(fused, new, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(outputs.sum(), values)[0] for outputs in (fused, new)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("copies", "noise"), [(1, 1e-30), (11, 1e-5)])
def test_a_table_is_gelu_at_every_number(copies, noise):
    """All 65,536 bf16 numbers: PyTorch's own outputs bit for bit; gradients to bf16's rounding, 2**-8.

    Once, and so often that they are looked up in pieces; the second time not in the order of memory, for
    which PyTorch has another kernel: where its fp32 derivative vanishes the two differ by 1e-6.
    """
    bits = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16).repeat(copies, 1)
    numbers = (bits.view(torch.bfloat16) if copies == 1 else bits.view(torch.bfloat16).T).requires_grad_()
    with torch.no_grad():
        alone = TableGELU()(numbers)
    found, expected = TableGELU()(numbers), F.gelu(numbers, approximate="tanh")
    for outputs in (alone, found):
        assert torch.equal(outputs.contiguous().view(torch.int16), expected.contiguous().view(torch.int16))
    finite = expected.isfinite()
    weights = torch.linspace(-3, 3, numbers.numel()).to(torch.bfloat16).view(numbers.shape)
    found, expected = (torch.autograd.grad(each, numbers, weights)[0][finite] for each in (found, expected))
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=noise, equal_nan=True)


def test_the_gelus_of_gpt2_are_looked_up():
    """One per block, in evaluation and in training; those of BERT, in another form, stay as they are."""
    kinds = [[type(module) for module in arm_of(body).model.modules()] for body in BODIES.values()]
    assert [found.count(TableGELU) for found in kinds] == [2, 0]
