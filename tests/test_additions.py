"""What policies add to a body: LoRA, bottlenecks and virtual tokens against closed forms and peft itself."""

import copy

import peft
import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, FrozenError
from fpt_plugins.additions.extended_backbone import ExtendedBackbone
from fpt_plugins.additions.lora import LoRA
from fpt_plugins.proof import FrozenProof
from fpt_plugins.record import group_counts

WIDTH, LAYERS, LENGTH = 32, 2, 24
SHAPE = {"vocab_size": 97, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
CONFIGURATIONS = {
    "gpt2": transformers.GPT2Config(
        vocab_size=97,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=4,
        n_positions=LENGTH,
        bos_token_id=0,
        eos_token_id=0,
    ),
    "bert": transformers.BertConfig(**SHAPE, intermediate_size=48, max_position_embeddings=LENGTH),
}
TARGETS = {"gpt2": ["c_attn", "attn.c_proj"], "bert": ["query", "key", "value", "attention.output.dense"]}
"""Attention's linear layers by the names that transformers gives them."""


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
    """A checkpoint as the library saves it."""
    folder = tmp_path_factory.mktemp(family)
    transformers.AutoModel.from_config(CONFIGURATIONS[family]).save_pretrained(folder)
    return folder


def build(folder, train, **settings):
    body = {"backbone": f"hf:{folder}", "device": "cpu", "precision": "fp32"}
    return fpt.build("bits/xor", train=train, **body, **settings)


def library_model(folder):
    return transformers.AutoModel.from_pretrained(folder).eval()


def disturb(arm):
    """Numbers in place of the zeros that additions begin with; the same for the same names."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for group in arm.partition.groups.keys() & {"lora", "bottleneck", "prompt"}:
            for name in arm.partition.groups[group]:
                parameter = arm.model.get_parameter(name)
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


def embeddings(length=10, samples=3):
    return torch.randn(samples, length, WIDTH, generator=torch.Generator().manual_seed(0))


def masked(length=10, samples=3):
    """Masks of samples that are one shorter each."""
    return torch.arange(length) < torch.tensor([[length - number] for number in range(samples)])


@torch.no_grad()
def hidden_states(arm, inputs, mask):
    return arm.model.backbone.eval()(inputs, mask)


@torch.no_grad()
def expected_states(model, inputs, mask):
    return model(inputs_embeds=inputs, attention_mask=mask.long()).last_hidden_state


def assert_close_where_real(found, expected, mask):
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=0)


peft_asks_for_what_is_deprecated = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"  # peft 0.21 on transformers 5.23
)


def test_lora_is_the_closed_form(folder):
    """The body with LoRA is the library's whose every matrix of attention is W + alpha / rank * B A."""
    arm = build(folder, "lora", policy_options={"rank": 3, "alpha": 6})
    disturb(arm)
    body, model = arm.model.backbone.body.model, library_model(folder)
    with torch.no_grad():
        for name, layer in body.named_modules():
            if isinstance(layer, peft.tuners.lora.LoraLayer):
                product = 6 / 3 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
                transposed = type(layer.base_layer).__name__ == "Conv1D"
                model.get_parameter(f"{name}.weight").add_(product.T if transposed else product)
    inputs, mask = embeddings(), masked()
    assert_close_where_real(hidden_states(arm, inputs, mask), expected_states(model, inputs, mask), mask)


@peft_asks_for_what_is_deprecated
def test_lora_is_what_peft_makes_of_the_librarys_model(family, folder):
    """The same layers, names and numbers of parameters as ``get_peft_model``, and the same outputs."""
    arm = build(folder, "lora", policy_options={"rank": 4})
    disturb(arm)
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=TARGETS[family], fan_in_fan_out=family == "gpt2"
    )
    model = peft.get_peft_model(library_model(folder), config).eval()
    own = {
        name.removeprefix("backbone.body.model."): arm.model.get_parameter(name)
        for name in arm.partition.groups["lora"]
    }
    trainable = {
        n.removeprefix("base_model.model."): p for n, p in model.named_parameters() if p.requires_grad
    }
    assert own.keys() == trainable.keys()
    assert sum(p.numel() for p in own.values()) == model.get_nb_trainable_parameters()[0]
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(own[name])
    inputs, mask = embeddings(), masked()
    assert_close_where_real(hidden_states(arm, inputs, mask), expected_states(model, inputs, mask), mask)


@peft_asks_for_what_is_deprecated
def test_virtual_tokens_are_what_peft_makes_of_the_librarys_model(folder):
    """The same outputs at a sample's own positions as ``get_peft_model``, and as many trained numbers."""
    arm = build(folder, "prompt", policy_options={"virtual_tokens": 5})
    disturb(arm)
    config = peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=5)
    model = peft.get_peft_model(library_model(folder), config).eval()
    prompt = arm.model.get_parameter("backbone.prompt.embedding.weight")
    assert (
        arm.partition.count("prompt") == prompt.numel() == model.get_nb_trainable_parameters()[0] == 5 * WIDTH
    )
    with torch.no_grad():
        model.prompt_encoder["default"].embedding.weight.copy_(prompt)
    inputs, mask = embeddings(), masked()
    expected = expected_states(model, inputs, mask)[:, 5:]
    assert_close_where_real(hidden_states(arm, inputs, mask), expected, mask)


SUBLAYERS = {
    "gpt2": ["h.{}.attn.c_proj", "h.{}.mlp.c_proj"],
    "bert": ["encoder.layer.{}.attention.output.dense", "encoder.layer.{}.output.dense"],
}


def test_a_bottleneck_is_the_closed_form(family, folder):
    """The library's body computes the same when a hook adds W2 gelu(W1 y + b1) + b2 to every sublayer's y."""
    arm = build(folder, "bottleneck", policy_options={"width": 4})
    disturb(arm)
    model = library_model(folder)
    names = [name.format(block) for block in range(LAYERS) for name in SUBLAYERS[family]]
    for name in names:
        layer = arm.model.backbone.body.model.get_submodule(name)
        w1, b1, w2, b2 = (p.detach() for part in (layer.down, layer.up) for p in (part.weight, part.bias))

        def refine(_module, _inputs, y, w1=w1, b1=b1, w2=w2, b2=b2):
            return y + functional.gelu(y @ w1.T + b1) @ w2.T + b2

        model.get_submodule(name).register_forward_hook(refine)
    inputs, mask = embeddings(), masked()
    assert_close_where_real(hidden_states(arm, inputs, mask), expected_states(model, inputs, mask), mask)
    assert arm.partition.count("bottleneck") == 2 * LAYERS * (2 * 4 * WIDTH + 4 + WIDTH)


def test_what_begins_at_zero_changes_nothing(folder):
    """Before the first step LoRA and bottlenecks leave every output bit for bit as it was."""
    inputs, mask = embeddings(), masked()
    arm = build(folder, "lora,bottleneck")
    assert torch.equal(hidden_states(arm, inputs, mask), hidden_states(build(folder, "fpt"), inputs, mask))


def test_what_is_added_depends_on_the_seed_alone(folder):
    """The same seed draws the same numbers whatever else trains; another seed others."""
    first, second, other = (
        build(folder, train, seed=seed)
        for train, seed in (("lora,prompt", 0), ("head,layer_norm,lora", 0), ("lora", 1))
    )
    name = next(name for name in first.partition.groups["lora"] if "lora_A" in name)
    parameters = [arm.model.get_parameter(name) for arm in (first, second, other)]
    assert torch.equal(*parameters[:2])
    assert not torch.equal(parameters[0], parameters[2])


def test_the_body_is_known_by_its_own_digest(folder):
    """Additions change neither the source digest nor what stands in the body's own groups."""
    plain, extended = build(folder, "fpt"), build(folder, "lora,bottleneck,prompt")
    assert extended.model.backbone.source_digest == plain.model.backbone.source_digest
    counts, more = group_counts(plain.partition), group_counts(extended.partition)
    longer = 10 * WIDTH  # positions of the virtual tokens
    for group in ("layer_norm", "attention", "mlp", "token_embedding", "input", "head"):
        assert more[group].parameters == counts[group].parameters
    assert more["position"].parameters == counts["position"].parameters + longer
    assert counts.keys().isdisjoint({"lora", "bottleneck", "prompt"})


def test_policies_of_structure_leave_what_was_added(folder):
    """The biases and the last block are the body's own: a bottleneck's biases, in that block, are not."""
    for train in ("bitfit", "last-block"):
        arm, plain = build(folder, f"{train},@3,bottleneck"), build(folder, train)
        first = {
            name.replace("body.", "").replace("base_layer.", "") for name in arm.partition.stages[0].names
        }
        assert first == set(plain.partition.trained_names)


def test_outputs_do_not_depend_on_padding(folder):
    """With virtual tokens before the samples, a padded sample's hidden states are those of it alone."""
    arm = build(folder, "prompt,lora,bottleneck")
    disturb(arm)
    inputs, mask = embeddings(), masked()
    batched = hidden_states(arm, inputs, mask)
    for row, sample, real in zip(batched, inputs, mask, strict=True):
        alone = hidden_states(arm, sample[real].unsqueeze(0), real[real].unsqueeze(0))
        torch.testing.assert_close(row[real], alone[0], atol=1e-5, rtol=0)


def test_positions_hold_the_virtual_tokens(folder):
    """A table of 24 rows has room for 10 tokens and 14 virtual ones; one more is refused with the remedy."""
    arm = build(folder, "prompt", policy_options={"virtual_tokens": 14})
    assert arm.model.backbone.max_length == 10
    with pytest.raises(ConfigurationError, match="max_length=25"):
        build(folder, "prompt", policy_options={"virtual_tokens": 15})
    longer = {"policy_options": {"virtual_tokens": 15}, "backbone_options": {"max_length": 25}}
    assert build(folder, "prompt", **longer).model.backbone.max_length == 10


@pytest.mark.parametrize("plant", ["hook", "forward", "module"])
def test_the_probe_catches_what_is_planted_beside_lora(folder, plant):
    """A hook on a frozen layer under LoRA, another forward, or another module in its place is named."""
    arm = build(folder, "lora")
    proof = FrozenProof(arm)
    proof.verify()
    layer = next(m for m in arm.model.backbone.modules() if isinstance(m, peft.tuners.lora.LoraLayer))
    frozen = layer.base_layer
    if plant == "hook":
        frozen.register_forward_hook(lambda _module, _inputs, output: output + 1)
    elif plant == "forward":
        frozen.forward = lambda inputs: type(frozen).forward(frozen, inputs) + 1
    else:
        layer.base_layer = copy.deepcopy(frozen)
    with pytest.raises(FrozenError, match="base_layer"):
        proof.verify()


def test_a_plugins_own_body_can_have_lora():
    """The linear layers of what a body declares as attention get LoRA, and no others."""

    class Body(nn.Module):
        embed_dim, max_length, causal, source_digest = 4, 8, False, "0" * 64

        def __init__(self):
            super().__init__()
            self.mix, self.feed = nn.Linear(4, 4), nn.Linear(4, 4)

        def parameter_groups(self):
            return {"attention": ["mix.weight", "mix.bias"], "mlp": ["feed.weight", "feed.bias"]}

        def forward(self, inputs_embeds, attention_mask):
            return self.feed(self.mix(inputs_embeds))

    extended = ExtendedBackbone(Body(), [LoRA(rank=2)], seed=0)
    groups = extended.parameter_groups()
    assert groups["lora"] == ["body.mix.lora_A.default.weight", "body.mix.lora_B.default.weight"]
    assert groups["attention"] == ["body.mix.base_layer.weight", "body.mix.base_layer.bias"]
    assert groups["mlp"] == ["body.feed.weight", "body.feed.bias"]
    assert not hasattr(extended, "blocks")


def test_a_vision_body_takes_all_of_them():
    """Blocks of width 192 of timm: LoRA at qkv and proj, a bottleneck behind each sublayer, and a prompt."""
    given = {"rank": 2, "width": 3, "virtual_tokens": 4}
    arm = fpt.build(
        "bits/xor",
        backbone="timm:vit_tiny_patch16_224",
        init="random",
        backbone_options={"layers": 1},
        train="lora,bottleneck,prompt",
        policy_options=given,
        device="cpu",
        precision="fp32",
    )
    counts = {group: arm.partition.count(group) for group in ("lora", "bottleneck", "prompt")}
    assert counts == {
        "lora": 2 * (192 + 3 * 192) + 2 * (192 + 192),
        "bottleneck": 2 * (2 * 3 * 192 + 3 + 192),
        "prompt": 4 * 192,
    }
    disturb(arm)
    before = hidden_states(arm, torch.zeros(1, 10, 192), torch.ones(1, 10, dtype=torch.bool))
    for group in counts:
        name = arm.partition.groups[group][-1]
        parameter = arm.model.get_parameter(name)
        parameter.data.add_(1.0)
        after = hidden_states(arm, torch.zeros(1, 10, 192), torch.ones(1, 10, dtype=torch.bool))
        assert not torch.equal(before, after)
        before = after
