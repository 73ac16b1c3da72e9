"""Bodies compute what Hugging Face's own classes compute, from folders that those classes saved."""

import pytest
import torch
import transformers
from torch import nn

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions

VOCABULARY = 97
# No setting has its default, so that one which does not arrive shows.
SHARED = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "type_vocab_size": 3,
}  # fmt: skip
TINY = {
    "gpt2": {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 24, "n_inner": 48,
        "activation_function": "relu", "layer_norm_epsilon": 1e-2, "scale_attn_by_inverse_layer_idx": True,
        "scale_attn_weights": False,
    },
    "bert": {**SHARED, "max_position_embeddings": 24},
    "roberta": {**SHARED, "max_position_embeddings": 26},
    "distilbert": {
        "vocab_size": VOCABULARY, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48,
        "activation": "relu", "max_position_embeddings": 24,
    },
}  # fmt: skip
CLASSES = {
    "gpt2": (transformers.GPT2Config, transformers.GPT2Model, transformers.GPT2LMHeadModel),
    "bert": (transformers.BertConfig, transformers.BertModel, transformers.BertForMaskedLM),
    "roberta": (transformers.RobertaConfig, transformers.RobertaModel, transformers.RobertaForMaskedLM),
    "distilbert": (
        transformers.DistilBertConfig,
        transformers.DistilBertModel,
        transformers.DistilBertForMaskedLM,
    ),
}
every_family = pytest.mark.parametrize("family", TINY)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tensors of a few kilobytes are ten times slower when threads wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def scrambled(model):
    """No bias is left at zero and no norm at one, where a mistake would not show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of every family, saved with its language-model head: names have prefixes, heads are extra."""
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
    """Hidden states equal those of the library's model given the same embeddings and mask, to 1e-5."""
    body = build(folders / family, attention=attention).eval()
    inputs, mask = padded_batch()
    with torch.no_grad():
        expected = reference(folders / family, family)(inputs_embeds=inputs, attention_mask=mask.long())
        torch.testing.assert_close(body(inputs, mask), expected.last_hidden_state, atol=1e-5, rtol=0)


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
    expected = reference(folders / family, family, num_hidden_layers=2)
    assert len(body.architecture.attentions(body.model)) == 2
    with torch.no_grad():
        hidden = expected(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(body(inputs, mask), hidden, atol=1e-5, rtol=0)


def test_no_layers_leave_embeddings_positions_and_the_last_norm(folders):
    """``layers=0`` of GPT-2 is the closed form norm(inputs + positions)."""
    body = build(folders / "gpt2", layers=0).eval()
    inputs, mask = padded_batch()
    model = reference(folders / "gpt2", "gpt2")
    with torch.no_grad():
        torch.testing.assert_close(body(inputs, mask), model.ln_f(inputs + model.wpe.weight[:10]))


@pytest.mark.parametrize(("family", "first"), [("gpt2", 0), ("bert", 0), ("roberta", 2)])
def test_a_longer_table_repeats_its_rows(folders, family, first):
    """``max_length=30`` equals the library's model with its table lengthened by hand by its first rows."""
    body = build(folders / family, length=30, max_length=30).eval()
    folder_model = reference(folders / family, family)
    table = folder_model.get_submodule(
        body.architecture.tensor_names.position_table.rpartition(".")[0]
    ).weight.detach()
    longer = torch.cat([table, table[first : first + 6]])
    settings = {"max_position_embeddings": len(longer), "ignore_mismatched_sizes": True}
    expected = reference(folders / family, family, **settings)
    expected.get_submodule(
        body.architecture.tensor_names.position_table.rpartition(".")[0]
    ).weight.data = longer
    inputs = torch.randn(2, 30, 32)
    with torch.no_grad():
        hidden = expected(inputs_embeds=inputs).last_hidden_state
        torch.testing.assert_close(
            body(inputs, torch.ones(2, 30, dtype=torch.bool)), hidden, atol=1e-5, rtol=0
        )
    assert body.max_length == 30


@every_family
def test_only_the_used_rows_of_positions_are_held(folders, family):
    """The table of positions has ``length`` rows and no other parameter depends on the length."""
    short, long = build(folders / family, length=3), build(folders / family, length=24)
    (name,) = short.parameter_groups()["position"]
    shapes = {n: p.shape for n, p in short.named_parameters()}
    assert shapes.pop(name) == (3, 32)
    assert shapes == {n: p.shape for n, p in long.named_parameters() if n != name}
    assert short.source_digest == long.source_digest


@every_family
def test_groups_are_disjoint_and_sum_to_the_whole(folders, family):
    """Every parameter is in exactly one group, and the norms are exactly the library's LayerNorm modules."""
    body = build(folders / family)
    groups = body.parameter_groups()
    named = [name for names in groups.values() for name in names]
    assert sorted(named) == sorted(dict(body.named_parameters()))
    norms = [
        f"{n}.{leaf}"
        for n, m in body.named_modules()
        if isinstance(m, nn.LayerNorm)
        for leaf in ("weight", "bias")
    ]
    assert sorted(groups["layer_norm"]) == sorted(norms)


@every_family
def test_no_vocabulary_is_held(folders, family):
    """No tensor of the body has as many rows as there are words, on any device."""
    body = build(folders / family)
    held = [*body.parameters(), *body.buffers()]
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
    (position,) = (dict(body.named_parameters())[n] for n in body.parameter_groups()["position"])
    assert (position.grad.abs().amax(1) > 0).all()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("family", "causal"), [("gpt2", None), ("bert", True), ("roberta", True)])
def test_a_causal_body_does_not_see_later_positions(folders, family, causal, attention):
    """Changing the last token of a causal body leaves every earlier hidden state as it was, bit for bit."""
    body = build(folders / family, causal=causal, attention=attention).eval()
    assert _moved_by_the_last_token(body) == [False] * 9 + [True]
    assert body.causal


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("family", "causal"), [("gpt2", False), ("bert", None), ("distilbert", None)])
def test_a_body_that_sees_both_ways_does(folders, family, causal, attention):
    """Changing the last token changes every hidden state where the body is not causal."""
    body = build(folders / family, causal=causal, attention=attention).eval()
    assert _moved_by_the_last_token(body) == [True] * 10
    assert not body.causal


def _moved_by_the_last_token(body):
    inputs, _ = padded_batch()
    changed = inputs.clone()
    changed[:, -1] += 1
    mask = torch.ones(3, 10, dtype=torch.bool)
    with torch.no_grad():
        return (body(inputs, mask) != body(changed, mask)).any(2).all(0).tolist()


@every_family
def test_dropout_is_what_the_request_says(folders, family):
    """While training, two passes are equal without dropout and differ with it; evaluation never drops."""
    inputs, mask = padded_batch()
    without, with_dropout = build(folders / family), build(folders / family, dropout=0.5)
    assert torch.equal(without.train()(inputs, mask), without(inputs, mask))
    assert not torch.equal(with_dropout.train()(inputs, mask), with_dropout(inputs, mask))
    torch.testing.assert_close(with_dropout.eval()(inputs, mask), without.eval()(inputs, mask))
    rates = {module.p for module in with_dropout.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.5}
