"""The weights of attention that a body records, against what its own library gives for them."""

import pytest
import torch
import transformers

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError
from fpt_plugins.probe import refuse_hooks
from fpt_plugins.readout import Every, First, Flatten, Last

SHAPE = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDE = {**SHAPE, "intermediate_size": 48, "max_position_embeddings": 24}
CONFIGURATIONS = {
    "gpt2": transformers.GPT2Config(
        vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=24, bos_token_id=0, eos_token_id=0
    ),
    "bert": transformers.BertConfig(**WIDE),
    "roberta": transformers.RobertaConfig(**WIDE),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=97, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=24
    ),
    "llama": transformers.LlamaConfig(**WIDE, num_key_value_heads=2),
    "gpt_neox": transformers.GPTNeoXConfig(**WIDE),
    "opt": transformers.OPTConfig(**SHAPE, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=24),
    "t5": transformers.T5Config(vocab_size=97, d_model=32, num_layers=2, num_heads=4, d_kv=8, d_ff=48),
}
LONGFORMER = transformers.LongformerConfig(**WIDE, attention_window=[4, 6])
LENGTH = 10
EMBEDS = torch.randn(3, LENGTH, 32, generator=torch.Generator().manual_seed(0))
MASK = torch.arange(LENGTH) < torch.tensor([[10], [7], [8]])


def saved(configuration, folder):
    """A checkpoint of random weights as the library saves it, far from uniform attention."""
    torch.manual_seed(0)
    kind = transformers.AutoModel
    if configuration.model_type == "t5":
        kind = transformers.T5EncoderModel
    model = kind(configuration) if kind is not transformers.AutoModel else kind.from_config(configuration)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    return kind.from_pretrained(folder, attn_implementation="eager").eval()


def body_of(folder, **options):
    """The body of an arm, built with the fused implementation unless said otherwise."""
    body = {"backbone": f"hf:{folder}", "backbone_options": options, "device": "cpu", "precision": "fp32"}
    return fpt.build("bits/xor", **body).model.backbone.eval()


@torch.no_grad()
def library_attentions(model):
    return model(inputs_embeds=EMBEDS, attention_mask=MASK.long(), output_attentions=True).attentions


def implementations(body):
    return [part.config._attn_implementation for part in body.modules() if hasattr(part, "config")]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", CONFIGURATIONS)
@torch.no_grad()
def test_weights_are_the_librarys(family, attention, tmp_path):
    """Whatever the body was built with: those of transformers' eager attention, and outputs as they were."""
    model = saved(CONFIGURATIONS[family], tmp_path)
    body = body_of(tmp_path, attention=attention)
    ordinary, before = body(EMBEDS, MASK), implementations(body)
    hidden_states, weights = body.attention_weights(EMBEDS, MASK)
    expected = library_attentions(model)
    assert len(weights) == len(expected) == 2
    for found, wanted in zip(weights, expected, strict=True):
        real = MASK[:, None, :, None].expand_as(found)  # the rows of padding are nobody's
        torch.testing.assert_close(found[real], wanted[real], atol=1e-5, rtol=0)
        check_rows(found, causal=body.causal)
    torch.testing.assert_close(hidden_states[MASK], ordinary[MASK], atol=1e-5, rtol=0)
    assert torch.equal(body(EMBEDS, MASK), ordinary)
    assert implementations(body) == before
    refuse_hooks(body)


def check_rows(weights, *, causal):
    """Rows of real positions sum to 1, padding gets nothing, and a causal body does not look ahead."""
    rows = weights.transpose(1, 2)[MASK]  # [real positions, heads, keys]
    torch.testing.assert_close(rows.sum(-1), torch.ones(rows.shape[:2]), atol=1e-5, rtol=0)
    padding = ~MASK[:, None, None, :] & MASK[:, None, :, None]
    assert not weights[padding.expand_as(weights)].any()
    ahead = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1) & MASK[:, None, :, None]
    assert bool(weights[ahead.expand_as(weights)].any()) is not causal


@torch.no_grad()
def test_longformers_windows_are_laid_out_by_key(tmp_path):
    """The library gives a number per offset within the window; here it stands at its key, and 0 elsewhere."""
    saved(LONGFORMER, tmp_path)
    model = transformers.LongformerModel.from_pretrained(tmp_path).eval()
    body = body_of(tmp_path)
    padded, mask = torch.zeros(3, 12, 32), torch.zeros(3, 12, dtype=torch.long)  # to whole windows of 6
    padded[:, :LENGTH], mask[:, :LENGTH] = EMBEDS, MASK
    given = model(inputs_embeds=padded, attention_mask=mask, output_attentions=True).attentions
    hidden_states, weights = body.attention_weights(EMBEDS, MASK)
    torch.testing.assert_close(hidden_states[MASK], body(EMBEDS, MASK)[MASK], atol=1e-5, rtol=0)
    for found, windowed, window in zip(weights, given, (4, 6), strict=True):
        expected = torch.zeros(3, 4, LENGTH, LENGTH)
        for query in range(LENGTH):
            for offset in range(window + 1):
                key = query + offset - window // 2
                if 0 <= key < LENGTH:
                    expected[:, :, query, key] = windowed[:, :, query, offset]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        check_rows(found, causal=False)
    refuse_hooks(body)


def softmax_of_products(queries, keys, heads, hidden):
    """``softmax(Q K^T / sqrt(d))`` over what is visible, from two projections ``[B, T, D]``."""
    q, k = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (queries, keys))
    scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)


@torch.no_grad()
def test_a_vision_body_gives_the_closed_form():
    """Blocks of timm: the softmax of the scaled products of what its one projection gives."""
    arm = fpt.build(
        "bits/xor",
        backbone="timm:vit_tiny_patch16_224",
        init="random",
        backbone_options={"layers": 2},
        device="cpu",
        precision="fp32",
    )
    body = arm.model.backbone.eval()
    inputs = torch.randn(3, LENGTH, 192, generator=torch.Generator().manual_seed(0)) * 20
    ordinary = body(inputs, MASK)
    hidden_states, weights = body.attention_weights(inputs, MASK)
    state = inputs + body.positions.weight[:LENGTH]
    for block, found in zip(body.model.blocks, weights, strict=True):
        queries, keys, _ = block.attn.qkv(block.norm1(state)).chunk(3, dim=-1)
        expected = softmax_of_products(queries, keys, 3, ~MASK[:, None, None, :])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        check_rows(found, causal=False)
        state = block(state, attn_mask=MASK[:, None, None, :])
    torch.testing.assert_close(hidden_states, ordinary, atol=1e-5, rtol=0)
    assert torch.equal(body(inputs, MASK), ordinary)
    refuse_hooks(body)


@pytest.mark.parametrize("name", ["block-1", "attention-1"])
@torch.no_grad()
def test_the_random_controls_give_the_closed_form(name):
    """The softmax of the scaled products, masked above the diagonal and at padding."""
    options = {"width": 32, "heads": 4}
    arm = fpt.build("bits/xor", backbone=name, backbone_options=options, device="cpu", precision="fp32")
    body = arm.model.backbone.eval()
    hidden_states, (found,) = body.attention_weights(EMBEDS, MASK)
    state = body.attention_norm(EMBEDS + body.positions.weight[:LENGTH])
    both = state @ body.attention.in_proj_weight.T + body.attention.in_proj_bias
    later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
    expected = softmax_of_products(both[..., :32], both[..., 32:64], 4, later | ~MASK[:, None, None, :])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    check_rows(found, causal=True)
    torch.testing.assert_close(hidden_states, body(EMBEDS, MASK), atol=1e-5, rtol=0)


def xor(**settings):
    body = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 2}}
    return fpt.build("bits/xor", **{**body, "device": "cpu", "precision": "fp32", **settings})


def test_a_map_shows_what_is_read_out():
    """Of bits/xor the last five positions, labeled with their bits, as rows of the body's own weights."""
    arm = xor()
    samples = [arm.task.parse({"strings": strings}) for strings in (["01010", "11001"], ["11111", "00000"])]
    first, second = fpt.attention_maps(arm, samples)
    assert (first.queries, first.keys) == (tuple("11001"), tuple("0101011001"))
    assert (second.queries, second.keys) == (tuple("00000"), tuple("1111100000"))
    tokens = torch.tensor([[0, 1, 0, 1, 0, 1, 1, 0, 0, 1]])
    with torch.no_grad():
        embeds = arm.model.input_embedding(tokens)
        _, weights = arm.model.backbone.eval().attention_weights(embeds, torch.ones_like(tokens).bool())
    for layer, expected in enumerate(weights):
        torch.testing.assert_close(
            torch.from_numpy(first.weights[layer]), expected[0, :, 5:], atol=1e-6, rtol=0
        )


def test_vectors_are_labeled_by_number():
    """The sixteen patches of a digit, of which the last is read."""
    arm = fpt.build(
        "images/digits", backbone="minilm", init="random", backbone_options={"layers": 1}, device="cpu"
    )
    (found,) = fpt.attention_maps(arm, [arm.task.split("validation")[0][0]])
    assert (found.queries, found.keys) == (("15",), tuple(map(str, range(16))))
    assert found.weights.shape == (1, 12, 1, 16)


def test_virtual_tokens_are_seen_and_not_asked():
    """With a prompt the keys begin with its tokens, and the rows are those of the sample's own positions."""
    arm = xor(train="prompt,lora,bottleneck", policy_options={"virtual_tokens": 3})
    (found,) = fpt.attention_maps(arm, [arm.task.parse({"strings": ["01010", "11001"]})])
    assert found.keys == ("v0", "v1", "v2", *"0101011001")
    assert found.weights.shape == (2, 4, 5, 13)
    assert found.weights.sum(-1) == pytest.approx(1.0, abs=1e-5)
    assert (found.weights[..., :3] > 0).all()


def test_samples_of_several_lengths_do_not_disturb_each_other(distributions):
    """Each map has its own sample's positions alone, with the weights that the sample has by itself."""
    distributions.add("fpt-echo", plugin="echo")
    body = {"backbone": "minilm", "init": "random", "backbone_options": {"layers": 2}}
    arm = fpt.build("echo/echo", **body, device="cpu", precision="fp32")
    samples = [[0, 1, 2, 2], [1, 0], [2, 1, 0]]
    for sample, found in zip(samples, fpt.attention_maps(arm, samples), strict=True):
        assert found.keys == tuple(map(str, sample))
        assert found.queries == found.keys[-1:]
        (alone,) = fpt.attention_maps(arm, [sample])
        assert found.weights == pytest.approx(alone.weights, abs=1e-5)


@pytest.mark.parametrize("readout", [Last(3), First(), Every(), Flatten(7)])
def test_read_positions_are_those_that_are_pooled(readout):
    """Pooling the numbers of the positions gives the positions."""
    numbers = torch.arange(7.0)[None, :, None]
    pooled = readout.pool(numbers, torch.ones(1, 7, dtype=torch.bool)).flatten().tolist()
    assert pooled == list(readout.read_positions(7))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"backbone": "lstm", "backbone_options": {"width": 8}}, "^lstm has no attention to show"),
        ({"backbone": "none", "backbone_options": {"width": 8}}, "^none has no attention to show"),
        (
            {"backbone": "lstm", "backbone_options": {"width": 8}, "train": "prompt"},
            "^lstm has no attention to show",
        ),
        ({"backbone_options": {"layers": 0}}, "^gpt2-mini has no attention to show: it has no blocks"),
    ],
)
def test_a_body_without_attention_is_refused(settings, found):
    """One line that names the body, a prompt before it or not."""
    arm = xor(**settings)
    with pytest.raises(ConfigurationError, match=found):
        fpt.attention_maps(arm, [arm.task.parse({"strings": ["01010", "11001"]})])
