"""The proof that what is frozen stayed as it was: digests of the tensors as held in memory."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import FrozenError
from fpt_plugins.freezing import FrozenState, freeze


@pytest.fixture(scope="module")
def built():
    settings = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 1}}
    return fpt.build("bits/xor", **settings, precision="fp32", device="cpu")


@pytest.fixture
def model(built):
    """A model of its own for each test."""
    return copy.deepcopy(built.model)


class Body(nn.Module):
    """A body with a norm and a matrix."""

    def __init__(self):
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(2), nn.Linear(2, 2)

    def parameter_groups(self):
        return {"layer_norm": ["norm.weight", "norm.bias"], "mlp": ["mix.weight", "mix.bias"]}


class Toy(nn.Module):
    """As much of a model as freezing reads."""

    def __init__(self):
        super().__init__()
        self.input_embedding, self.backbone, self.output_head = nn.Identity(), Body(), nn.Linear(2, 2)


def next_float(values):
    """The first element of an fp32 tensor moved by one unit in the last place."""
    flat = values.data.view(-1)
    flat[0] = float(np.nextafter(np.float32(flat[0].item()), np.float32(np.inf)))


def test_one_unit_in_the_last_place_is_caught_in_any_frozen_tensor(model):
    """Each frozen parameter, changed in one element by np.nextafter, is named; put back, all is well."""
    freeze(model, "fpt")
    state, frozen = FrozenState(model), [n for n, p in model.named_parameters() if not p.requires_grad]
    assert len(frozen) == 8
    for name in frozen:
        parameter = model.get_parameter(name)
        before = parameter.data.clone()
        next_float(parameter)
        assert FrozenState(model).held_digest != state.held_digest
        with pytest.raises(FrozenError, match=f"the frozen tensor {name} changed"):
            state.verify(model)
        parameter.data.copy_(before)
        state.verify(model)
    assert FrozenState(model).held_digest == state.held_digest


def zero_sign(model):
    model.backbone.get_buffer("table")[1] = -0.0


def other_type(model):
    model.backbone.register_buffer("table", model.backbone.get_buffer("table").view(torch.int32))


def other_layout(model):
    model.backbone.mix.weight.data = model.backbone.mix.weight.data.T.contiguous().T


def other_shape(model):
    model.backbone.register_buffer("table", model.backbone.get_buffer("table").reshape(1, 2))


def removed(model):
    del model.backbone.table


def added(model):
    model.backbone.register_buffer("cache", torch.zeros(1))


def thawed(model):
    model.backbone.norm.weight.requires_grad_()


def newly_frozen(model):
    model.output_head.bias.requires_grad_(requires_grad=False)


@pytest.mark.parametrize(
    ("tamper", "name"),
    [
        (zero_sign, "backbone.table"),
        (other_type, "backbone.table"),
        (other_shape, "backbone.table"),
        (other_layout, "backbone.mix.weight"),
        (removed, "backbone.table"),
        (added, "backbone.cache"),
        (thawed, "backbone.norm.weight"),
        (newly_frozen, "output_head.bias"),
    ],
)
def test_every_other_way_to_change_what_is_frozen_is_caught(tamper, name):
    """Buffers, types, shapes, memory layout, and tensors that come or go: the one is named."""
    model = Toy()
    model.backbone.register_buffer("table", torch.zeros(2), persistent=False)
    model.backbone.register_buffer("phases", torch.ones(2, dtype=torch.complex64))
    freeze(model, "head")
    state = FrozenState(model)
    state.verify(model)
    tamper(model)
    with pytest.raises(FrozenError, match=f"the frozen tensor {name} changed"):
        state.verify(model)
    assert FrozenState(model).held_digest != state.held_digest


def test_training_moves_what_trains_and_nothing_else(model):
    """Adam with weight decay over all parameters changes every trained tensor and no frozen one."""
    partition = freeze(model, "fpt")
    state, before = FrozenState(model), {n: p.detach().clone() for n, p in model.named_parameters()}
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(tokens, torch.ones_like(tokens, dtype=torch.bool)).square().sum().backward()
        optimizer.step()
    state.verify(model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(partition.trained_names)


def test_the_held_digest_is_stable_and_of_names_too():
    """Equal models have equal digests; the same tensor under another name has another."""
    first, second = Toy(), Toy()
    second.load_state_dict(first.state_dict())
    for model in (first, second):
        freeze(model, "head")
    digests = [FrozenState(first).held_digest, FrozenState(second).held_digest]
    second.backbone.register_module("nort", second.backbone.norm)
    del second.backbone.norm
    digests.append(FrozenState(second).held_digest)
    assert [a == b for a, b in pairwise(digests)] == [True, False]
