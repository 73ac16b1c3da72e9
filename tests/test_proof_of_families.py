"""The proof of frozenness and the policies of structure on every family of bodies that the core has."""

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.proof import FrozenProof

FAMILIES = (
    "gpt2", "bert", "roberta", "distilbert", "llama", "gpt_neox", "opt", "t5", "longformer",
    "block-1", "lstm",
)  # fmt: skip
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def build(tiny_body):
    """Builds an arm on a tiny body of a family."""

    def build(family, **settings):
        return fpt.build("bits/xor", **tiny_body(family), device="cpu", precision="fp32", **settings)

    return build


def covered(arm):
    """The parameters that lie within a submodule that the probe runs."""
    return {
        f"backbone.{name}.{inner}"
        for name in FrozenProof(arm)._probe.names
        for inner, _ in arm.model.backbone.get_submodule(name).named_parameters()
    }


@every_family
def test_the_probe_runs_everything_that_is_frozen_in_the_blocks(family, build):
    """Under fpt every parameter of attention and feed-forward layers lies in a submodule that is run."""
    arm = build(family)
    groups = arm.partition.groups
    assert {*groups["attention"], *groups["mlp"]} <= covered(arm)
    assert not covered(arm) & set(arm.partition.trained_names)


@every_family
@pytest.mark.parametrize("train", ["fpt", "last-block", "bitfit"])
def test_a_step_moves_what_trains_and_the_proof_holds(family, train, build):
    """After a step of SGD what moved is within the policy's choice, and nothing else computes otherwise."""
    arm = build(family, train=train)
    arm.model.train()
    proof = FrozenProof(arm)
    before = {name: parameter.detach().clone() for name, parameter in arm.model.named_parameters()}
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    arm.outputs(fpt.Batch(tokens, torch.ones(2, 10, dtype=torch.bool))).square().sum().backward()
    torch.optim.SGD(arm.model.parameters(), lr=0.1).step()
    proof.verify()
    moved = {name for name, p in arm.model.named_parameters() if not torch.equal(p, before[name])}
    assert {"input_embedding.weight", "output_head.0.bias"} < moved <= set(arm.partition.trained_names)


ADDED = ("lora", "bottleneck", "prompt")


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("block-1", "lstm")])
@pytest.mark.parametrize("train", [*ADDED, "lora,bottleneck,prompt,layer_norm"])
def test_what_a_policy_adds_is_reached_by_gradients(family, train, build):
    """By the second step every added tensor has a gradient; what is frozen computes what it did."""
    window = family == "longformer"  # two blocks carry nothing further than four positions
    options = {"virtual_tokens": 10} if "prompt" in train else {}
    arm = build(family, train=train, policy_options=options)
    arm.model.train()
    proof, optimizer = FrozenProof(arm), torch.optim.SGD(arm.model.parameters(), lr=0.1)
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    for _ in range(2):  # what begins at zero hides what lies behind it in the first
        optimizer.zero_grad()
        arm.outputs(fpt.Batch(tokens, torch.ones(2, 10, dtype=torch.bool))).square().sum().backward()
        gradients = {name: arm.model.get_parameter(name).grad for name in arm.partition.trained_names}
        optimizer.step()
    proof.verify()
    silent = {
        name for name, gradient in gradients.items() if not gradient.isfinite().all() or not gradient.any()
    }
    assert silent == ({"backbone.prompt.embedding.weight"} if window and "prompt" in train else set())
    assert arm.partition.trained >= {"input", "head", *set(train.split(",")) & set(ADDED)}
