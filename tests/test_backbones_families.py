"""Rotary decoders, OPT, T5's encoder and Longformer compute what Hugging Face's own classes compute."""

import pytest
import torch
from safetensors.torch import load_file

from families import TINY, VOCABULARY, build, padded_batch, reference, save
from fpt_plugins.digest import digest

FAMILIES = ("llama", "qwen2", "qwen3", "gpt_neox", "opt", "t5", "longformer")
POSITIONS = {"opt": 24 * 32, "t5": 8 * 3, "longformer": 24 * 32}  # numbers in the table; the others rotate
BOTH_WAYS = ("t5", "longformer")
DEPTH = {"t5": "num_layers"}
every_family = pytest.mark.parametrize("family", FAMILIES)
every_decoder = pytest.mark.parametrize("family", [family for family in FAMILIES if family not in BOTH_WAYS])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of every family."""
    root = tmp_path_factory.mktemp("checkpoints")
    for family in FAMILIES:
        save(family, root / family)
    return root


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
