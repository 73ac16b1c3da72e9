"""Rotary decoders, OPT, T5's encoder and Longformer compute what Hugging Face's own classes compute."""

import pytest
import torch
import transformers
from safetensors.torch import load_file

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.digest import digest

VOCABULARY = 97
# No setting has its default, so that one which does not arrive shows.
LLAMA = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "hidden_act": "relu", "rms_norm_eps": 1e-2,
    "max_position_embeddings": 24,
    "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50.0},
}  # fmt: skip
TINY = {
    "llama": {**LLAMA, "attention_bias": True, "mlp_bias": True},
    "qwen2": LLAMA,
    "qwen3": {**LLAMA, "head_dim": 6, "attention_bias": True},
    "gpt_neox": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "max_position_embeddings": 24,
        "use_parallel_residual": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 50.0, "partial_rotary_factor": 0.5},
    },
    "opt": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "ffn_dim": 48, "word_embed_proj_dim": 32, "activation_function": "gelu",
        "max_position_embeddings": 24,
    },
    "t5": {
        "vocab_size": VOCABULARY, "d_model": 32, "num_layers": 3, "num_heads": 3, "d_kv": 6, "d_ff": 48,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9,
        "layer_norm_epsilon": 1e-2, "feed_forward_proj": "gated-silu", "decoder_start_token_id": 0,
    },
    "longformer": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "type_vocab_size": 3,
        "max_position_embeddings": 26, "attention_window": [4, 8, 4],
    },
}  # fmt: skip
CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaModel, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2Model, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3Model, transformers.Qwen3ForCausalLM),
    "gpt_neox": (transformers.GPTNeoXConfig, transformers.GPTNeoXModel, transformers.GPTNeoXForCausalLM),
    "opt": (transformers.OPTConfig, transformers.OPTModel, transformers.OPTForCausalLM),
    "t5": (transformers.T5Config, transformers.T5EncoderModel, transformers.T5ForConditionalGeneration),
    "longformer": (
        transformers.LongformerConfig,
        transformers.LongformerModel,
        transformers.LongformerForMaskedLM,
    ),
}
POSITIONS = {"opt": 24 * 32, "t5": 8 * 3, "longformer": 24 * 32}  # numbers in the table; the others rotate
BOTH_WAYS = ("t5", "longformer")
DEPTH = {"t5": "num_layers"}
every_family = pytest.mark.parametrize("family", TINY)
every_decoder = pytest.mark.parametrize("family", [family for family in TINY if family not in BOTH_WAYS])


def scrambled(model):
    """No bias is left at zero and no norm at one, where a mistake would not show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of every family, saved with its head: names have prefixes, heads and decoders are extra."""
    root = tmp_path_factory.mktemp("checkpoints")
    for family, (configuration, _, with_head) in CLASSES.items():
        scrambled(with_head(configuration(**TINY[family]))).save_pretrained(root / family)
    return root


def build(folder, *, length=10, dropout=0.0, init="pretrained", **options):
    spec = spec_of_place(str(folder))
    request = BackboneRequest(
        init=init, init_seed=0, length=length, dropout=dropout, options=TransformerOptions(**options)
    )
    return spec.build(spec, request)


def reference(folder, family, **settings):
    return CLASSES[family][1].from_pretrained(folder, **settings).eval()


def padded_batch():
    inputs = torch.randn(3, 10, 32, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([10, 7, 1])
    return inputs, torch.arange(10) < lengths[:, None]


@every_family
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_forward_equals_the_librarys_model_on_a_padded_batch(folders, family, attention):
    """Hidden states of real positions equal those of the library's model given the same, to 1e-5."""
    body = build(folders / family, attention=attention).eval()
    inputs, mask = padded_batch()
    with torch.no_grad():
        expected = reference(folders / family, family)(inputs_embeds=inputs, attention_mask=mask.long())
        torch.testing.assert_close(
            body(inputs, mask)[mask], expected.last_hidden_state[mask], atol=1e-5, rtol=0
        )


@every_family
def test_padding_changes_nothing(folders, family):
    """A padded sample's real positions equal the library's on the same sample alone, to 1e-5."""
    body = build(folders / family).eval()
    inputs, mask = padded_batch()
    with torch.no_grad():
        hidden = body(inputs, mask)
        for row, length in enumerate(mask.sum(1)):
            alone = reference(folders / family, family)(inputs_embeds=inputs[row : row + 1, :length])
            torch.testing.assert_close(hidden[row, :length], alone.last_hidden_state[0], atol=1e-5, rtol=0)


@every_family
def test_the_first_layers_are_the_librarys_shallower_model(folders, family):
    """``layers=2`` equals the library's model loaded from the same file with two layers."""
    body = build(folders / family, layers=2).eval()
    inputs, mask = padded_batch()
    settings = {DEPTH.get(family, "num_hidden_layers"): 2}
    if family == "longformer":
        settings["attention_window"] = TINY[family]["attention_window"][:2]
    expected = reference(folders / family, family, **settings)
    assert len(body.architecture.attentions(body.model)) == 2
    with torch.no_grad():
        hidden = expected(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(body(inputs, mask)[mask], hidden[mask], atol=1e-5, rtol=0)


@every_family
def test_groups_are_disjoint_and_sum_to_the_whole(folders, family):
    """Every parameter is in one group; norms are the library's norm modules, less those inside attention."""
    body = build(folders / family, length=24)
    groups = body.parameter_groups()
    named = dict(body.named_parameters())
    assert sorted(name for names in groups.values() for name in names) == sorted(named)
    norms = [
        name
        for name in named
        if type(body.get_submodule(name.rpartition(".")[0])).__name__.endswith("Norm")
        and not any(part in name for part in ("q_norm", "k_norm"))
    ]
    assert sorted(groups["layer_norm"]) == sorted(norms)
    assert sum(named[name].numel() for name in groups.get("position", ())) == POSITIONS.get(family, 0)


@every_family
def test_no_vocabulary_and_no_decoder_is_held(folders, family):
    """No tensor has as many rows as there are words, and all that is held is on the CPU."""
    held = [*(body := build(folders / family)).parameters(), *body.buffers()]
    assert all(VOCABULARY not in tensor.shape for tensor in held)
    assert {tensor.device.type for tensor in held} == {"cpu"}


@every_family
def test_gradients_pass_through_the_frozen_body(folders, family):
    """Though all is frozen, real positions of the input receive a gradient, and padding receives none."""
    body = build(folders / family).requires_grad_(requires_grad=False)
    inputs, mask = padded_batch()
    inputs.requires_grad_()
    body(inputs, mask)[mask].sin().sum().backward()
    assert (inputs.grad[mask].abs().amax(1) > 0).all()
    assert (inputs.grad[~mask] == 0).all()


@every_family
def test_every_parameter_gets_a_finite_gradient(folders, family):
    """Nothing that the body holds is unused, whatever group trains."""
    body = build(folders / family)
    inputs, mask = padded_batch()
    body(inputs, mask)[mask].sin().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in body.parameters())


@every_family
def test_a_pass_changes_no_tensor(folders, family):
    """Parameters and buffers are bit for bit what they were after a pass forward and back."""
    body = build(folders / family)
    before = {name: tensor.clone() for name, tensor in (*body.named_parameters(), *body.named_buffers())}
    inputs, mask = padded_batch()
    body.train()(inputs, mask).sin().sum().backward()
    after = dict((*body.named_parameters(), *body.named_buffers()))
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@every_family
def test_the_digest_is_over_the_files_own_tensors(folders, family):
    """It is that of the tensors which the body uses, by the names that the library wrote."""
    tensors = load_file(folders / family / "model.safetensors")
    absent = ("embed_tokens", "embed_in", "embed_out", "lm_head", "shared", "word_embeddings", "_global")
    used = {
        name: tensor
        for name, tensor in tensors.items()
        if not any(word in name for word in absent) and not (family == "t5" and name.startswith("decoder."))
    }
    assert build(folders / family, length=3).source_digest == digest(used)


@every_decoder
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("causal", [None, False])
def test_a_decoder_sees_backwards_unless_told_otherwise(folders, family, attention, causal):
    """Changing the last token moves it alone; with ``causal=false`` it moves every hidden state."""
    body = build(folders / family, causal=causal, attention=attention).eval()
    inputs, _ = padded_batch()
    changed = inputs.clone()
    changed[:, -1] += 1
    mask = torch.ones(3, 10, dtype=torch.bool)
    with torch.no_grad():
        moved = (body(inputs, mask) != body(changed, mask)).any(2).all(0).tolist()
    assert moved == ([False] * 9 + [True] if body.causal else [True] * 10)
    assert body.causal is (causal is None)


@every_family
def test_dropout_is_what_the_request_says(folders, family):
    """While training, two passes are equal without dropout and differ with it; evaluation never drops."""
    inputs, mask = padded_batch()
    without, with_dropout = build(folders / family), build(folders / family, dropout=0.5)
    assert torch.equal(without.train()(inputs, mask), without(inputs, mask))
    assert not torch.equal(with_dropout.train()(inputs, mask), with_dropout(inputs, mask))
    torch.testing.assert_close(with_dropout.eval()(inputs, mask), without.eval()(inputs, mask))


@every_family
def test_a_random_body_of_the_same_shape(folders, family):
    """``random`` has the pretrained shapes, norms at one, and needs no weights."""
    body, shapes = build(folders / family, init="random"), {}
    for name, parameter in build(folders / family).named_parameters():
        shapes[name] = parameter.shape
    assert {name: parameter.shape for name, parameter in body.named_parameters()} == shapes
    norms = [name for name in body.parameter_groups()["layer_norm"] if name.endswith("weight")]
    assert all((body.get_parameter(name) == 1).all() for name in norms)
