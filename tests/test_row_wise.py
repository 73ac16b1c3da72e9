"""Row-wise forms: on every family of bodies a row computes with its own adapter what it computes alone."""

import pytest
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.parameter_matrix import ParameterMatrix
from fpt_plugins.row_wise import NORMS, POSITION_TABLES, Rows, RowWiseNorm, row_wise_form
from fpt_plugins.streams import seed_dropout

FAMILIES = (
    "gpt2", "bert", "roberta", "distilbert", "llama", "qwen2", "qwen3", "gpt_neox", "opt", "longformer",
    "block-1", "lstm", "timm:vit_tiny_patch16_224",
)  # fmt: skip
TRAINED = {"t5": "input,head,layer_norm"}  # its relative positions have no row-wise form
every_family = pytest.mark.parametrize("family", [*FAMILIES, *TRAINED])
CPU = torch.device("cpu")


def scrambled(arm, seed):
    """The arm with every trained tensor moved, as training would have moved it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in arm.partition.trained_names:
            parameter = arm.model.get_parameter(name)
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return arm


def tokens(rows, length, seed=0):
    """A batch of bits in which the last row is shorter by two."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[-1, -2:] = False
    return fpt.Batch(torch.randint(0, 2, (rows, length), generator=generator) * mask, mask)


@pytest.fixture
def arms(family, tiny_body):
    """Two arms that trained differently on one body, the second for sequences twice as long."""
    settings = {**tiny_body(family), "init_seed": 0, "device": "cpu", "precision": "fp32"}
    train = TRAINED.get(family, "fpt")
    return {
        name: scrambled(fpt.build("bits/xor", train=train, options={"length": n}, seed=n, **settings), n)
        for name, n in (("short", 5), ("long", 10))
    }


BATCHES = {"short": tokens(3, 10), "long": tokens(2, 20)}


def losses(outputs):
    return outputs.square().sum()


@every_family
def test_a_row_computes_and_learns_what_it_does_alone(family, arms):
    """Outputs and gradients of two adapters in one pass are those of each in a pass of its own."""
    alone, gradients = {}, {}
    for name, arm in arms.items():
        alone[name] = arm.outputs(BATCHES[name])
        losses(alone[name]).backward()
        gradients[name] = {n: arm.model.get_parameter(n).grad.clone() for n in arm.partition.trained_names}
        arm.model.zero_grad()
    together = fpt.Bank(arms).outputs(BATCHES)
    sum(losses(outputs) for outputs in together.values()).backward()
    for name, arm in arms.items():
        torch.testing.assert_close(together[name], alone[name], rtol=1e-5, atol=1e-5)
        for parameter, expected in gradients[name].items():
            found = arm.model.get_parameter(parameter).grad
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


ROWS = {"all alike": (2, 2, 2), "uneven": (3, 1, 2), "one absent": (2, 0, 2)}


@every_family
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_in_one_matrix_a_row_learns_what_it_does_alone(family, tiny_body, rows):
    """Three arms alike but for what they learned: the gradients of a second pass, and not of the first."""
    settings = {**tiny_body(family), "init_seed": 0, "device": "cpu", "precision": "fp32"}
    train = TRAINED.get(family, "fpt")
    arms = {name: scrambled(fpt.build("bits/xor", train=train, **settings), number)
            for number, name in enumerate("abc")}  # fmt: skip
    batches = {name: tokens(count, 10, count) for name, count in zip(arms, rows, strict=True) if count}
    expected = {}
    for name, batch in batches.items():
        losses(arms[name].outputs(batch)).backward()
        for n in arms[name].partition.trained_names:
            expected[name, n] = arms[name].model.get_parameter(n).grad.clone()
    bank = fpt.Bank(arms)
    matrix = ParameterMatrix([make_optimizer(arm) for arm in arms.values()])
    bank.model.read_from(matrix)
    for _ in range(2):
        together = bank.outputs(batches)
        matrix.backward(torch.stack([losses(outputs) for outputs in together.values()]))
    for (name, parameter), gradient in expected.items():
        found = arms[name].model.get_parameter(parameter).grad
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))
    for name in arms.keys() - batches.keys():
        assert not any(
            arms[name].model.get_parameter(n).grad.any() for n in arms[name].partition.trained_names
        )


@every_family
def test_a_row_drops_what_it_would_drop_alone(family, tiny_body):
    """With dropout on, each adapter's rows draw the numbers that a pass of its own draws from its seed."""
    settings = {**tiny_body(family), "init_seed": 0, "device": "cpu", "precision": "fp32", "dropout": 0.3}
    arms = {name: fpt.build("bits/xor", seed=seed, train=TRAINED.get(family, "fpt"), **settings)
            for seed, name in enumerate(("first", "second"))}  # fmt: skip
    batches, seeds = {"first": tokens(3, 10), "second": tokens(2, 10)}, {"first": 11, "second": 12}
    bank, alone = fpt.Bank(arms), {}
    bank.model.train()
    for name, arm in arms.items():
        seed_dropout(seeds[name], CPU)
        alone[name] = arm.outputs(batches[name])
    torch.manual_seed(99)
    with torch.no_grad():
        together, others = bank.outputs(batches, seeds), bank.outputs(batches)
    for name in arms:
        torch.testing.assert_close(together[name], alone[name], rtol=1e-5, atol=1e-5)
        assert (others[name] - alone[name]).abs().max() > 1e-3


@every_family
def test_the_adapters_of_the_comparison_differ(family, arms):
    """The other adapter's body gives other hidden states: the comparison above can fail."""
    embeds = torch.randn(2, 8, arms["short"].model.backbone.embed_dim)
    found = [arm.model.backbone(embeds, torch.ones(2, 8, dtype=torch.bool)) for arm in arms.values()]
    assert (found[0] - found[1]).abs().max() > 0.1


def test_every_declared_class_is_compared_above(tiny_body):
    """The families hold each class and each table that is declared to have a row-wise form."""
    found = set()
    for family in [*FAMILIES, *TRAINED]:
        body = fpt.build("bits/xor", **tiny_body(family)).model.backbone
        for name, module in body.named_modules():
            holder, _, attribute = name.rpartition(".")
            kinds = [type(module), type(body.get_submodule(holder))]
            norm, table = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
            found |= {norm, f"{table}.{attribute}"}
    assert {*NORMS, *POSITION_TABLES} - found == {"torch.nn.modules.normalization.RMSNorm"}


@pytest.mark.parametrize("make", [nn.RMSNorm, nn.LayerNorm, lambda width: nn.LayerNorm(width, bias=False)])
def test_a_norm_of_torch_is_itself_row_by_row(make):
    """Each row of the form is what its own norm gives."""
    norms = [make(4) for _ in range(3)]
    for norm in norms:
        for parameter in norm.parameters():
            nn.init.normal_(parameter)
    rows, states = Rows(), torch.randn(3, 2, 4)
    form = RowWiseNorm(norms, rows)
    with rows.of([(2, 1), (0, 2)], CPU):
        found = form(states)
    expected = torch.cat([norms[2](states[:1]), norms[0](states[1:])])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_an_adapter_without_a_row_gets_no_gradient():
    """What is absent from a batch is not touched by it, not even by zeros."""
    norms, rows = [nn.LayerNorm(4) for _ in range(3)], Rows()
    with rows.of([(1, 2)], CPU):
        RowWiseNorm(norms, rows)(torch.randn(2, 3, 4)).sum().backward()
    assert norms[1].weight.grad is not None
    assert norms[0].weight.grad is None
    assert norms[2].weight.grad is None


def test_a_norm_is_known_by_its_class_and_no_subclass_is():
    """A class that inherits from a norm may compute something else, and is not taken for it."""

    class Doubled(nn.LayerNorm):
        def forward(self, states):
            return 2 * super().forward(states)

    body = nn.ModuleDict({"norm": nn.LayerNorm(4), "doubled": Doubled(4)})
    assert row_wise_form(body, "norm") is RowWiseNorm
    assert row_wise_form(body, "doubled") is None


@pytest.mark.parametrize(
    ("family", "train", "named"),
    [
        ("gpt2", "last-block", r"model\.h\.1\.attn\.c_attn \(a Conv1D\)"),
        ("gpt2", "fpt,mlp", r"model\.h\.0\.mlp\.c_fc \(a Conv1D\)"),
        ("bert", "bitfit", r"attention\.output\.dense \(a (Packed)?Linear\)"),
        ("bert", "fpt,token_embedding", r"model\.embeddings\.token_type_embeddings \(a Embedding\)"),
        ("t5", "fpt", r"SelfAttention\.relative_attention_bias \(a Embedding\)"),
        ("gpt2", "lora", r"c_attn\.lora_A\.default \(a Linear\)"),
        ("lstm", "full", r"layers\.0 \(a LSTM\)"),
    ],
)
def test_what_has_no_row_wise_form_is_refused_by_name(family, train, named, tiny_body):
    """Attention, feed-forward layers, biases, token types and relative positions serve one at a time."""
    arm = fpt.build("bits/xor", train=train, **tiny_body(family), device="cpu")
    with pytest.raises(fpt.ConfigurationError, match=f"one trains \\S*{named}, which has no row-wise form"):
        fpt.Bank({"one": arm})
