"""Bodies compute what Hugging Face's own classes compute, from folders that those classes saved."""

import pytest
import torch
from torch import nn

from families import VOCABULARY, build, padded_batch, reference, save

FAMILIES = ("gpt2", "bert", "roberta", "distilbert")
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tensors of a few kilobytes are ten times slower when threads wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
    """Hidden states equal those of the library's model given the same embeddings and mask, to 1e-5."""
    body = build(folders / family, attention=attention).eval()
    inputs, mask = padded_batch()
    with torch.no_grad():
        expected = reference(folders / family, family)(inputs_embeds=inputs, attention_mask=mask.long())
        torch.testing.assert_close(body(inputs, mask), expected.last_hidden_state, atol=1e-5, rtol=0)


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
