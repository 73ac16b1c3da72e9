"""Which parameters train, and the proof that the others did not."""

import copy

import pytest
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, FrozenError, UnknownName
from fpt_plugins.backbone import ADDED_GROUPS, GROUPS
from fpt_plugins.freezing import freeze, hold_frozen
from fpt_plugins.policies import find_policy

WIDTH = 256
CLOSED_FORM = {
    "input": 2 * WIDTH,  # an embedding of two symbols
    "head": WIDTH * 2 + 2,  # one linear layer to the two outputs of a bit
    "layer_norm": 3 * 2 * WIDTH,  # two in the block, one behind it
    "position": 10 * WIDTH,  # the rows that 2 x 5 bits use
    "attention": WIDTH * 3 * WIDTH + 3 * WIDTH + WIDTH * WIDTH + WIDTH,
    "mlp": WIDTH * 4 * WIDTH + 4 * WIDTH + 4 * WIDTH * WIDTH + WIDTH,
    "token_embedding": 0,
    **dict.fromkeys(ADDED_GROUPS, 0),
}
"""The parameters of bits/xor around GPT-2's shape with one layer, from its definition."""


@pytest.fixture(scope="module")
def built():
    settings = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 1}}
    return fpt.build("bits/xor", **settings, precision="fp32", device="cpu")


@pytest.fixture
def model(built):
    """A model of its own for each test."""
    return copy.deepcopy(built.model)


def group_of(name):
    """GPT-2's groups by the names that Hugging Face gives: for this one architecture, in this test."""
    part, _, rest = name.partition(".")
    if part != "backbone":
        return {"input_embedding": "input", "output_head": "head"}[part]
    words = {"wpe": "position", "ln_": "layer_norm", "attn": "attention", "mlp": "mlp"}
    return next(group for word, group in words.items() if word in rest)


def batch(count=4):
    tokens = torch.randint(0, 2, (count, 10), generator=torch.Generator().manual_seed(0))
    return tokens, torch.ones(count, 10, dtype=torch.bool)


class Body(nn.Module):
    """A body whose parameters are grouped as a test says."""

    def __init__(self, **groups):
        super().__init__()
        self.norm, self.mix, self.groups = nn.LayerNorm(2), nn.Linear(2, 2), groups

    def parameter_groups(self):
        return self.groups


class Model(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.input_embedding, self.backbone, self.output_head = nn.Identity(), backbone, nn.Linear(2, 2)


NORM, MIX = ["norm.weight", "norm.bias"], ["mix.weight", "mix.bias"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("fpt", {"input", "head", "layer_norm", "position"}),
        ("head", {"head"}),
        ("full", {"input", "head", "layer_norm", "position", "attention", "mlp"}),
        ("layer_norm", {"layer_norm"}),
        ("head,mlp", {"head", "mlp"}),
        (" head , head ", {"head"}),
        ("fpt,attention", {"input", "head", "layer_norm", "position", "attention"}),
        ("head,full,token_embedding", set(GROUPS)),
    ],
)
def test_a_policy_is_a_name_or_any_union(model, policy, expected):
    """The three names are the paper's set, a linear probe and full fine-tuning; words add up."""
    names = {name for name, _ in model.named_parameters() if group_of(name) in expected}
    assert find_policy(policy).select(model) == names


@pytest.mark.parametrize("policy", ["haed", "head,haed", "", "head,", "attn", "FPT"])
def test_an_unknown_word_is_refused(policy):
    """Nothing is decided by a substring; the nearest names, or all of them, are offered."""
    with pytest.raises(UnknownName, match=r"no freeze policy or parameter group '\w*'\n"):
        find_policy(policy)


def test_the_groups_have_the_sizes_of_the_closed_form(model):
    """Every group counts what the architecture's definition says, and together they are the whole model."""
    partition = freeze(model, "fpt")
    assert {group: partition.count(group) for group in GROUPS} == CLOSED_FORM
    assert partition.total_count == sum(p.numel() for p in model.parameters()) == sum(CLOSED_FORM.values())
    assert partition.trained_count == 512 + 514 + 1536 + 2560


FPT = {"input", "head", "layer_norm", "position"}


@pytest.mark.parametrize(
    ("policy", "groups"),
    [
        ("fpt", FPT),
        ("head", {"head"}),
        ("full", set(GROUPS)),
        ("input", {"input"}),
        ("attention,position", {"attention", "position"}),
        ("fpt,mlp", FPT | {"mlp"}),
    ],
)
def test_requires_grad_is_exactly_as_declared(model, policy, groups):
    """Whatever trained before, a parameter requires a gradient if and only if its group trains."""
    for number, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(number % 2 == 0)
    partition = freeze(model, policy)
    expected = {name for name, _ in model.named_parameters() if group_of(name) in groups}
    assert {name for name, p in model.named_parameters() if p.requires_grad} == expected
    assert set(partition.trained_names) == expected
    assert len(partition.trained_names) == len(expected)
    assert partition.trained_count == sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"layer_norm": NORM}, "backbone.mix.bias, backbone.mix.weight stand in no group"),
        ({"layer_norm": NORM, "mlp": [*MIX, "norm.bias"]}, "backbone.norm.bias stand in two groups"),
        ({"layer_norm": [*NORM, "norm.bias"], "mlp": MIX}, "backbone.norm.bias stand in two groups"),
        ({"layer_norm": NORM, "mlp": MIX, "router": []}, "router are no groups"),
        ({"layer_norm": NORM, "mlp": MIX, "head": []}, "head are no groups"),
        ({"layer_norm": [*NORM, "scale"], "mlp": MIX}, "backbone.scale are declared but not there"),
        ({}, "stand in no group"),
    ],
    ids=["missing", "two groups", "twice in one", "unknown", "the task's own", "not there", "none"],
)
def test_groups_that_do_not_add_up_are_refused(groups, message):
    """The parameter, or the group, is named, and nothing has been frozen yet."""
    model = Model(Body(**groups))
    with pytest.raises(FrozenError, match=f"parameter groups do not add up: .*{message}"):
        freeze(model, "head")
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_parameter_that_two_parts_share_is_refused():
    """A head tied to the body would train what is frozen: it is declared twice and there once."""
    model = Model(Body(layer_norm=NORM, mlp=MIX))
    model.output_head.weight = model.backbone.mix.weight
    with pytest.raises(FrozenError, match=r"output_head\.weight are declared but not there"):
        freeze(model, "head")


def test_a_policy_that_trains_nothing_is_refused():
    """A body without position tables cannot train its positions; an empty adapter is no adapter."""
    with pytest.raises(ConfigurationError, match="--train position trains nothing"):
        freeze(Model(Body(layer_norm=NORM, mlp=MIX)), "position")


def test_gradients_pass_through_the_frozen_body(model):
    """Through frozen blocks the input embedding gets the very gradient that it gets when all train."""
    gradients = []
    for policy in ("full", "input"):
        freeze(model, policy)
        model.zero_grad()
        model(*batch()).square().sum().backward()
        gradients.append(model.input_embedding.weight.grad.clone())
    assert torch.equal(*gradients)
    assert (gradients[0] != 0).all()
    assert [n for n, p in model.named_parameters() if p.grad is not None] == ["input_embedding.weight"]


@pytest.mark.parametrize(
    ("policy", "held"),
    [
        ("fpt", {"attention", "mlp"}),
        ("head", {"attention", "mlp"}),
        ("fpt,mlp", {"attention"}),
        ("full", set()),
    ],
)
def test_only_frozen_matrices_are_held_in_the_type_of_the_device(model, policy, held):
    """Attention and feed-forward weights become bf16 where they are frozen; all else stays fp32."""
    hold_frozen(model, freeze(model, policy), torch.bfloat16)
    found = {group_of(name) for name, p in model.named_parameters() if p.dtype == torch.bfloat16}
    rest = {group_of(name) for name, p in model.named_parameters() if p.dtype == torch.float32}
    assert (found, rest) == (held, {g for g, size in CLOSED_FORM.items() if size} - held)


def test_holding_changes_no_result_under_autocast(model):
    """Outputs and gradients under autocast are bitwise those of weights that are cast at every step."""
    partition, found = freeze(model, "fpt"), []
    for dtype in (torch.float32, torch.bfloat16):
        hold_frozen(model, partition, dtype)
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(*batch())
        outputs.float().square().sum().backward()
        found.append([outputs, *(model.get_parameter(name).grad for name in partition.trained_names)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
