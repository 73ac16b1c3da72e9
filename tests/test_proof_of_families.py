"""The proof of frozenness and the policies of structure on every family of bodies that the core has."""

import pytest
import torch
import transformers

import fpt_plugins as fpt
from fpt_plugins.proof import FrozenProof

SHAPE = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDE = {**SHAPE, "intermediate_size": 48, "max_position_embeddings": 24}
CONFIGURATIONS = {
    "gpt2": transformers.GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=24),
    "bert": transformers.BertConfig(**WIDE),
    "roberta": transformers.RobertaConfig(**WIDE),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=97, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=24
    ),
    "llama": transformers.LlamaConfig(**WIDE),
    "gpt_neox": transformers.GPTNeoXConfig(**WIDE),
    "opt": transformers.OPTConfig(**SHAPE, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=24),
    "t5": transformers.T5Config(vocab_size=97, d_model=32, num_layers=2, num_heads=4, d_kv=8, d_ff=48),
    "longformer": transformers.LongformerConfig(**WIDE, attention_window=[4, 4]),
}
"""Two blocks of width 32 each."""

OWN = {"block-1": {"width": 32, "heads": 4}, "lstm": {"width": 32, "layers": 2}}
every_family = pytest.mark.parametrize("family", [*CONFIGURATIONS, *OWN])


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Builds an arm on a body of a family, saved by the library and loaded from its folder."""
    folders = {}

    def build(family, **settings):
        if family in OWN:
            body = {"backbone": family, "backbone_options": OWN[family]}
        else:
            body = {"backbone": f"hf:{folders.setdefault(family, save(family))}"}
        return fpt.build("bits/xor", **body, device="cpu", precision="fp32", **settings)

    def save(family):
        folder = tmp_path_factory.mktemp(family)
        configuration = CONFIGURATIONS[family]
        model = transformers.T5EncoderModel if family == "t5" else transformers.AutoModel.from_config
        model(configuration).save_pretrained(folder)
        return folder

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


@pytest.mark.parametrize("family", CONFIGURATIONS)
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
