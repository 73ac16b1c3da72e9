"""A configuration or a request that no body can have is refused, in one line that names the cause."""

import json

import pytest
import torch
import transformers

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.errors import ConfigurationError, UnknownName


@pytest.fixture
def gpt2(tmp_path):
    """A folder that the library saved: ``config.json`` and ``model.safetensors`` of a GPT-2 of two layers."""
    torch.manual_seed(0)
    configuration = transformers.GPT2Config(vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=8)
    transformers.GPT2Model(configuration).save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


def build(folder, **changes):
    spec = spec_of_place(str(folder))
    options = TransformerOptions(**changes.pop("options", {}))
    values = {"init": "pretrained", "init_seed": 0, "length": 5, "dropout": 0.0, **changes}
    return spec.build(spec, BackboneRequest(options=options, **values))


def reconfigure(folder, **changes):
    path = folder / "config.json"
    configuration = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in configuration.items() if v != "absent"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auto_map": {"AutoModel": "evil--modeling.Model"}}, "names code to run (auto_map)"),
        ({"trust_remote_code": True}, "names code to run (trust_remote_code)"),
        ({"auto_mapping": {"parent_library": "os"}}, "names code to run (auto_mapping)"),
        ({"deep": [{"auto_map": {"AutoModel": "evil--m.M"}}]}, "names code to run (auto_map)"),
        (
            {"_attn_implementation_internal": "some/kernel"},
            "to run (_attn_implementation_internal)",
        ),
        ({"model_type": "mamba"}, "(model_type 'mamba') is not known"),
        ({"model_type": "absent"}, "(model_type None) is not known"),
        ({"add_cross_attention": True}, "only add_cross_attention=False of gpt2 is known, not True"),
        ({"n_head": 3}, "a width of 16 (n_embd) cannot be divided among 3 heads (n_head)"),
        ({"n_head": 0}, "n_head is 0, not a whole number from 1 to 1024"),
        ({"n_layer": 10**9}, "n_layer is 1000000000, not a whole number from 1 to 1024"),
        ({"n_embd": "16"}, "n_embd is '16', not a whole number"),
        ({"n_positions": True}, "n_positions is True, not a whole number"),
        ({"activation_function": "evil"}, "transformers refuses its configuration"),
        ({"layer_norm_epsilon": "small"}, "transformers refuses its configuration"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_refused(gpt2, changes, message):
    """A configuration that names code, another architecture or an impossible shape is refused for it."""
    reconfigure(gpt2, **changes)
    with pytest.raises(ConfigurationError) as refused:
        build(gpt2)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "is not a JSON object"),
        ("{", "is not JSON"),
        ('{"a": ' + "[" * 20 + "]" * 20 + "}", "at most 16 levels"),
        ("[" * 100_000 + "]" * 100_000, "is not JSON"),
        (" " * (17 << 20), "larger than 16,777,216 bytes"),
    ],
)
def test_a_configuration_that_is_no_small_object_is_refused(gpt2, text, message):
    """``config.json`` is bounded in size and depth before anything in it is believed."""
    (gpt2 / "config.json").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        build(gpt2)


def test_settings_that_we_do_not_know_never_reach_the_library(gpt2):
    """A key outside the declaration changes nothing."""
    expected = build(gpt2)
    reconfigure(gpt2, _attn_implementation="flex", attn_implementation="flash", n_ctx=3)
    body = build(gpt2)
    assert body.model.config._attn_implementation == expected.model.config._attn_implementation
    assert body.source_digest == expected.source_digest


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        (
            {"length": 9},
            "sequences of 9 tokens are longer than the 8 positions",
            "--backbone-option max_length=9",
        ),
        ({"length": 7, "options": {"max_length": 6}}, "longer than the 6 positions", "max_length=7"),
        ({"options": {"layers": 3}}, "layers=3 asks for more than the 2", ""),
    ],
)
def test_a_request_that_does_not_fit_is_refused_before_anything_is_read(gpt2, changes, message, remedy):
    """What is too long or too deep is refused with the flag to add, though no weights are there."""
    (gpt2 / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError) as refused:
        build(gpt2, **changes)
    assert message in refused.value.message
    assert remedy in refused.value.remedy


def test_a_direction_that_an_architecture_lacks_is_refused(tmp_path):
    """DistilBERT cannot be made causal, and says so."""
    configuration = transformers.DistilBertConfig(vocab_size=11, dim=16, n_layers=1, n_heads=2, hidden_dim=8)
    transformers.DistilBertModel(configuration).save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match="distilbert has no causal=True"):
        build(tmp_path, options={"causal": True})


def test_an_unknown_initialization_offers_the_known_ones(gpt2):
    """A misspelt initialization is refused with the nearest name."""
    with pytest.raises(UnknownName, match=r"did you mean pretrained"):
        build(gpt2, init="pretraned")


def test_more_tokens_than_positions_are_refused_in_the_forward_pass(gpt2):
    """A batch longer than what was asked for is an error that says both numbers."""
    body = build(gpt2)
    with pytest.raises(ConfigurationError, match="6 tokens do not fit 5 positions"):
        body(torch.zeros(1, 6, 16), torch.ones(1, 6, dtype=torch.bool))
