"""Lengths and variants of the rotary decoders, OPT and T5."""

import json

import pytest
import torch
import transformers

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.errors import ConfigurationError

ANGLES = {"rope_type": "linear", "factor": 2.0, "rope_theta": 50.0}
SHAPE = {
    "vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "max_position_embeddings": 24,
}  # fmt: skip
CONFIGURATIONS = {
    "llama": transformers.LlamaConfig(**SHAPE, intermediate_size=48, rope_parameters=ANGLES),
    "qwen2": transformers.Qwen2Config(**SHAPE, intermediate_size=48, num_key_value_heads=2),
    "qwen3": transformers.Qwen3Config(**SHAPE, intermediate_size=48, num_key_value_heads=2, head_dim=6),
    "gpt_neox": transformers.GPTNeoXConfig(**SHAPE, intermediate_size=48),
    "opt": transformers.OPTConfig(**SHAPE, ffn_dim=48, word_embed_proj_dim=32),
    "t5": transformers.T5Config(vocab_size=97, d_model=32, num_layers=3, num_heads=3, d_kv=6, d_ff=48),
}

CLASSES = {
    "llama": transformers.LlamaModel,
    "qwen2": transformers.Qwen2Model,
    "qwen3": transformers.Qwen3Model,
    "gpt_neox": transformers.GPTNeoXModel,
    "opt": transformers.OPTModel,
    "t5": transformers.T5EncoderModel,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of every family, saved by the library."""
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    for family, configuration in CONFIGURATIONS.items():
        CLASSES[family](configuration).save_pretrained(root / family)
    return root


def build(folder, *, length=10, **options):
    spec = spec_of_place(str(folder))
    request = BackboneRequest(
        init="pretrained", init_seed=0, length=length, dropout=0.0, options=TransformerOptions(**options)
    )
    return spec.build(spec, request)


def reference(folder, family):
    return CLASSES[family].from_pretrained(folder).eval()


def padded_batch():
    inputs = torch.randn(3, 10, 32, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([10, 7, 1])
    return inputs, torch.arange(10) < lengths[:, None]


def test_query_and_key_norms_are_attention(folders):
    """Qwen3's norms of queries and keys are two per block, and belong to ``attention``."""
    groups = build(folders / "qwen3").parameter_groups()
    inner = [name for name in groups["attention"] if name.endswith(("q_norm.weight", "k_norm.weight"))]
    assert len(inner) == 2 * 3


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "t5"])
def test_a_body_without_a_table_is_longer_where_asked(folders, family):
    """30 tokens equal the library's, which computes positions beyond the 24 of training; T5 knows no end."""
    body = build(folders / family, length=30, max_length=30).eval()
    inputs = torch.randn(2, 30, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        hidden = reference(folders / family, family)(inputs_embeds=inputs).last_hidden_state
        torch.testing.assert_close(
            body(inputs, torch.ones(2, 30, dtype=torch.bool)), hidden, atol=1e-5, rtol=0
        )


def test_a_longer_opt_repeats_its_rows(folders):
    """``max_length=30`` adds rows 2 to 7 of the file once more after its 24 positions."""
    (name,) = (body := build(folders / "opt", length=30, max_length=30)).parameter_groups()["position"]
    table = reference(folders / "opt", "opt").decoder.embed_positions.weight
    assert torch.equal(body.get_parameter(name), torch.cat([table[2:], table[2:8]]))


def test_limits_are_said_before_anything_is_loaded(folders):
    """A rotary body refuses 25 tokens with the flag and what it means; T5's spec has no limit."""
    with pytest.raises(ConfigurationError, match="longer than the 24 positions") as refused:
        build(folders / "llama", length=25)
    assert refused.value.remedy == (
        "add --backbone-option max_length=25 (positions beyond 24 were never trained)"
    )
    assert spec_of_place(str(folders / "t5")).max_length is None
    assert build(folders / "t5", length=3000).max_length == 3000


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("llama", {"rope_parameters": {"rope_type": "dynamic"}}, "rotary positions of type 'dynamic'"),
        ("gpt_neox", {"rope_scaling": {"type": "longrope"}}, "rotary positions of type 'longrope'"),
        ("llama", {"rope_parameters": "evil"}, "rope_parameters is 'evil', not an object"),
        ("llama", {"pretraining_tp": 2}, "only pretraining_tp=1 of llama is known, not 2"),
        ("qwen2", {"use_sliding_window": True}, "only use_sliding_window=False of qwen2 is known"),
        ("opt", {"word_embed_proj_dim": 16}, "words of 16 numbers are projected to a width of 32"),
        ("llama", {"hidden_size": 30}, "a width of 30 (hidden_size) cannot be divided among 4 heads"),
    ],
)
def test_a_variant_that_is_not_built_is_refused(folders, tmp_path, family, changes, message):
    """Each is refused in one line that names it."""
    configuration = json.loads((folders / family / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    with pytest.raises(ConfigurationError) as refused:
        build(tmp_path)
    assert message in refused.value.message
    assert "\n" not in refused.value.message


def test_older_files_say_their_angles_otherwise(folders, tmp_path):
    """``rope_theta`` and ``rope_scaling``, as transformers 4 wrote them, give the same hidden states."""
    configuration = json.loads((folders / "llama" / "config.json").read_text())
    angles = configuration.pop("rope_parameters")
    configuration["rope_theta"] = angles["rope_theta"]
    configuration["rope_scaling"] = {"type": angles["rope_type"], "factor": angles["factor"]}
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    (tmp_path / "model.safetensors").write_bytes((folders / "llama" / "model.safetensors").read_bytes())
    inputs, mask = padded_batch()
    with torch.no_grad():
        assert torch.equal(build(tmp_path)(inputs, mask), build(folders / "llama")(inputs, mask))


def test_angles_are_scaled_by_the_length_of_training(tmp_path):
    """Of YaRN without a length of its own, ten tokens are the library's, which scales by the file's 24."""
    torch.manual_seed(1)
    angles = {"rope_type": "yarn", "factor": 2.0, "rope_theta": 50.0}
    configuration = transformers.LlamaConfig(**SHAPE, intermediate_size=48, rope_parameters=angles)
    transformers.LlamaModel(configuration).save_pretrained(tmp_path)
    changed = json.loads((tmp_path / "config.json").read_text())
    changed["rope_parameters"].pop("original_max_position_embeddings", None)
    (tmp_path / "config.json").write_text(json.dumps(changed))
    inputs = torch.randn(2, 10, 32, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        hidden = reference(tmp_path, "llama")(inputs_embeds=inputs).last_hidden_state
        found = build(tmp_path)(inputs, torch.ones(2, 10, dtype=torch.bool))
    torch.testing.assert_close(found, hidden, atol=1e-5, rtol=0)
