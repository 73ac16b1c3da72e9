"""Random bodies: the published distributions, drawn tensor by tensor, the same everywhere."""

import hashlib
import math

import numpy as np
import pytest
import torch
import transformers

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.catalog import GPT2_MINI, MINILM
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.digest import digest


def build(spec, init="random", *, seed=0, length=8, **options):
    request = BackboneRequest(
        init=init, init_seed=seed, length=length, dropout=0.0, options=TransformerOptions(**options)
    )
    return spec.build(spec, request)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """The spec of a saved GPT-2 whose tensors each have a mean and a deviation of their own."""
    folder = tmp_path_factory.mktemp("pretrained")
    configuration = transformers.GPT2Config(vocab_size=11, n_embd=64, n_layer=2, n_head=2, n_positions=32)
    model = transformers.GPT2Model(configuration)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (1 + place) / 9 + place)
    model.save_pretrained(folder)
    return spec_of_place(str(folder))


@pytest.mark.parametrize("spec", [GPT2_MINI, MINILM], ids=lambda spec: spec.name)
def test_random_is_the_unscaled_scheme(spec):
    """Matrices and tables are N(0, 0.02) within five standard errors, norms are one and biases zero."""
    for name, parameter in build(spec, length=512).named_parameters():
        if parameter.ndim == 1:
            assert (parameter == float(name.endswith(".weight"))).all(), name
            continue
        errors = 5 / math.sqrt(parameter.numel())
        assert abs(parameter.mean()) < 0.02 * errors, name
        assert abs(parameter.std() / 0.02 - 1) < errors / math.sqrt(2), name


def test_a_tensor_is_drawn_from_its_seed_and_name_alone():
    """A tensor equals the draw that NumPy gives for SHA-256 of seed and name, computed here anew."""
    body = build(GPT2_MINI, seed=5)
    key = int.from_bytes(hashlib.sha256(b"5 h.2.mlp.c_fc.weight").digest(), "big")
    drawn = np.random.Generator(np.random.PCG64(key)).standard_normal((256, 1024), dtype=np.float32)
    assert torch.equal(body.model.h[2].mlp.c_fc.weight, torch.from_numpy(drawn) * 0.02)


def test_the_scaled_scheme_divides_what_writes_to_the_residual_stream():
    """``gpt2-scaled`` differs from ``gpt2-unscaled`` by 1 / sqrt(2 L) in each ``c_proj`` and nowhere else."""
    unscaled = dict(build(GPT2_MINI).named_parameters())
    scaled = dict(build(GPT2_MINI, scheme="gpt2-scaled").named_parameters())
    for name, tensor in unscaled.items():
        factor = 1 / math.sqrt(2 * 4) if name.endswith("c_proj.weight") else 1.0
        torch.testing.assert_close(scaled[name], tensor * factor)


@pytest.mark.parametrize("scheme", ["gpt2-unscaled", "gpt2-scaled"])
def test_fewer_layers_are_the_first_of_the_same_draw(scheme):
    """The two blocks of ``layers=2`` are bit for bit the first two of all four."""
    whole = dict(build(GPT2_MINI, scheme=scheme).named_parameters())
    fewer = dict(build(GPT2_MINI, scheme=scheme, layers=2).named_parameters())
    assert len(fewer) < len(whole)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in fewer.items())


def test_a_seed_is_a_body():
    """The same seed gives the same digest whatever the length, another seed another one."""
    first = build(GPT2_MINI, seed=1)
    assert first.source_digest == build(GPT2_MINI, seed=1, length=100).source_digest
    assert first.source_digest != build(GPT2_MINI, seed=2).source_digest


def test_the_digest_of_a_drawn_body_is_over_its_tensors():
    """With every position held, the digest is that of the module's own parameters by their names."""
    body = build(GPT2_MINI, length=1024)
    assert body.source_digest == digest(dict(body.model.named_parameters()))


def test_drawing_leaves_the_global_generators_alone():
    """Building a random body consumes nothing from torch's or NumPy's global generators."""
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 # the global generator is what is watched
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 # as above
    build(GPT2_MINI)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002 # as above


def test_statistics_matches_each_tensors_mean_and_deviation(pretrained):
    """Each tensor of ``statistics`` has the pretrained mean and deviation within five standard errors."""
    expected = dict(build(pretrained, "pretrained", length=32).named_parameters())
    for name, tensor in build(pretrained, "statistics", length=32).named_parameters():
        deviation, root = expected[name].std(), math.sqrt(tensor.numel())
        assert not torch.equal(tensor, expected[name])
        assert abs(tensor.mean() - expected[name].mean()) < 5 * deviation / root, name
        assert abs(tensor.std() / deviation - 1) < 5 / (math.sqrt(2) * root), name


def test_shuffled_keeps_each_tensors_entries(pretrained):
    """Each tensor of ``shuffled`` holds the pretrained entries, in another order."""
    expected = dict(build(pretrained, "pretrained", length=32).named_parameters())
    for name, tensor in build(pretrained, "shuffled", length=32).named_parameters():
        assert not torch.equal(tensor, expected[name]), name
        assert torch.equal(tensor.flatten().sort().values, expected[name].flatten().sort().values), name


@pytest.mark.parametrize("init", ["statistics", "shuffled"])
def test_what_is_drawn_from_weights_follows_the_seed(pretrained, init):
    """Seeds give bodies of their own, none of which is taken for the pretrained one."""
    digests = {build(pretrained, init, seed=seed).source_digest for seed in (1, 2, 1)}
    assert len(digests | {build(pretrained, "pretrained").source_digest}) == 3
