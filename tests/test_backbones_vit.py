"""timm's ViTs as bodies: what timm itself computes, from folders that timm saved."""

import json
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import load_file
from timm.models import save_for_hf

from families import padded_batch, scrambled
from fpt_plugins import options
from fpt_plugins.backbone import Backbone, BackboneRequest
from fpt_plugins.backbones.timm_models import spec_of_vision
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError, IntegrityError, UnknownName
from fpt_plugins.plugins import find_backbone

SHAPE = {"embed_dim": 32, "depth": 3, "num_heads": 4, "img_size": 32, "patch_size": 8, "num_classes": 5}
VARIANTS = {
    "plain": {},
    "scaled": {"init_values": 0.3, "qk_norm": True, "pre_norm": True, "reg_tokens": 2},
    "average": {"global_pool": "avg", "class_token": False},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture(scope="module")
def models():
    """A small ViT of each variant, as timm builds it."""
    torch.manual_seed(0)
    return {
        name: scrambled(timm.create_model("vit_tiny_patch16_224", **SHAPE, **changes))
        for name, changes in VARIANTS.items()
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory, models):
    """The same, saved by timm with their patches, class tokens and heads."""
    root = tmp_path_factory.mktemp("timm")
    for name, model in models.items():
        arguments = {**SHAPE, **VARIANTS[name]}
        save_for_hf(model, root / name, model_args=arguments, safe_serialization=True)
    return root


def build(place, *, length=10, dropout=0.0, init="pretrained", seed=0, **given):
    spec = spec_of_vision(str(place))
    built = options.build(spec.options, given, owner=spec.name)
    request = BackboneRequest(init=init, init_seed=seed, length=length, dropout=dropout, options=built)
    return spec.build(spec, request)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("variant", "tokens"), [("plain", 17), ("average", 16)])
def test_on_its_own_patches_it_is_timms_whole_model(folders, models, variant, tokens, attention):
    """Given a picture's patches, class token and table, hidden states equal timm's features to 1e-5."""
    model, body = models[variant], build(folders / variant, length=tokens, attention=attention).eval()
    picture = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        body.positions.weight.copy_(model.pos_embed[0])
        inputs = model.patch_embed(picture)
        if model.cls_token is not None:
            inputs = torch.cat([model.cls_token.expand(2, -1, -1), inputs], dim=1)
        expected = model.fc_norm(model.forward_features(picture))
        hidden = body(inputs, torch.ones(2, tokens, dtype=torch.bool))
    torch.testing.assert_close(hidden, expected, atol=1e-5, rtol=0)


@every_variant
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_padding_changes_nothing(folders, models, variant, attention):
    """A padded sample's real positions equal timm's blocks and norms on that sample alone, to 1e-5."""
    model, body = models[variant], build(folders / variant, attention=attention).eval()
    inputs, mask = padded_batch()
    with torch.no_grad():
        hidden = body(inputs, mask)
        for row, length in enumerate(mask.sum(1)):
            alone = model.norm_pre(inputs[row : row + 1, :length])
            expected = model.fc_norm(model.norm(model.blocks(alone)))[0]
            torch.testing.assert_close(hidden[row, :length], expected, atol=1e-5, rtol=0)


@every_variant
def test_groups_sum_to_the_whole_and_each_parameter_trains(folders, variant):
    """Each parameter is in one group and gets a finite gradient; norms of queries and keys are attention."""
    body = build(folders / variant)
    groups, named = body.parameter_groups(), dict(body.named_parameters())
    assert sorted(name for names in groups.values() for name in names) == sorted(named)
    norms = 3 * 2 + 1 + (variant == "scaled")
    assert len(groups["layer_norm"]) == 2 * norms
    assert groups["position"] == ["positions.weight"]
    inputs, mask = padded_batch()
    body(inputs, mask)[mask].sin().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in named.values())
    assert (body.positions.weight.grad.abs().amax(1) > 0).all()


@every_variant
def test_gradients_pass_through_the_frozen_body(folders, variant):
    """Though all is frozen, real positions of the input receive a gradient, and padding receives none."""
    body = build(folders / variant).requires_grad_(requires_grad=False)
    inputs, mask = padded_batch()
    inputs.requires_grad_()
    body(inputs, mask)[mask].sin().sum().backward()
    assert (inputs.grad[mask].abs().amax(1) > 0).all()
    assert (inputs.grad[~mask] == 0).all()


@every_variant
def test_the_digest_is_over_the_files_own_tensors(folders, variant):
    """It is that of blocks and norms by the file's names; positions begin at zero and are no part of it."""
    tensors = load_file(folders / variant / "model.safetensors")
    used = {name: t for name, t in tensors.items() if name.startswith(("blocks.", "norm", "fc_norm"))}
    body = build(folders / variant)
    assert body.source_digest == digest(used) == build(folders / variant, length=3).source_digest
    assert body.positions.weight.shape == (10, 32)
    assert (body.positions.weight == 0).all()
    assert all(torch.equal(body.get_parameter(f"model.{name}"), tensor) for name, tensor in used.items())


def test_the_first_layers(folders, models):
    """``layers=2`` equals timm's first two blocks and its last norm."""
    body, (inputs, mask) = build(folders / "plain", layers=2).eval(), padded_batch()
    model = models["plain"]
    with torch.no_grad():
        expected = model.norm(model.blocks[:2](inputs[:1]))
        torch.testing.assert_close(body(inputs, mask)[:1], expected, atol=1e-5, rtol=0)
    with pytest.raises(ConfigurationError, match="layers=4 asks for more than the 3"):
        build(folders / "plain", layers=4)


def test_a_random_body_is_its_seed():
    """A name is enough: the digest follows the seed and not the length, norms are one, positions zero."""
    body = build("vit_tiny_patch16_224", init="random", layers=1)
    assert isinstance(body, Backbone)
    assert (body.embed_dim, body.max_length, body.causal) == (192, 10, False)
    assert body.source_digest == digest(dict(body.model.named_parameters()))
    assert (body.model.blocks[0].norm1.weight == 1).all()
    assert abs(body.model.blocks[0].mlp.fc1.weight.std() - 0.02) < 1e-3
    other = build("vit_tiny_patch16_224", init="random", layers=1, seed=1)
    assert other.source_digest != body.source_digest


def test_blocks_are_disjoint_and_leave_positions_and_the_last_norm(folders):
    """Each block's parameters are those of timm's block of that number."""
    body = build(folders / "plain")
    rest = {name for name, _ in body.named_parameters()} - {name for block in body.blocks() for name in block}
    assert rest == {"positions.weight", "model.norm.weight", "model.norm.bias"}
    sizes = [len(list(block.parameters())) for block in body.model.blocks]
    assert [len(set(block)) for block in body.blocks()] == sizes


def test_dropout_is_what_the_request_says(folders):
    """While training, two passes are equal without dropout and differ with it; evaluation never drops."""
    inputs, mask = padded_batch()
    without, with_dropout = build(folders / "plain"), build(folders / "plain", dropout=0.5)
    assert torch.equal(without.train()(inputs, mask), without(inputs, mask))
    assert not torch.equal(with_dropout.train()(inputs, mask), with_dropout(inputs, mask))
    torch.testing.assert_close(with_dropout.eval()(inputs, mask), without.eval()(inputs, mask))


def test_a_name_leads_to_its_repository_at_a_commit(folders, tmp_path, monkeypatch):
    """In the cache of timm's repository the name is resolved to its commit, which the spec's name holds."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name = "vit_tiny_patch16_224.augreg_in21k"
    assert find_backbone(f"timm:{name}").revision is None
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--timm--vit_tiny_patch16_224.augreg_in21k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    model = timm.create_model(name, pretrained=False)
    save_for_hf(model, repository / "snapshots" / commit, safe_serialization=True)
    for place in (name, f"{name}@{commit}"):
        spec = find_backbone(f"timm:{place}")
        assert (spec.name, spec.revision, spec.layers) == (f"timm:{name}@{commit}", commit, 12)
    body = build(f"{name}@{commit}", layers=1)
    assert torch.equal(body.model.blocks[0].attn.qkv.weight, model.blocks[0].attn.qkv.weight)


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("vit_tinny_patch16_224", UnknownName, "there is no architecture of timm"),
        ("resnet18", ConfigurationError, "timm refuses resnet18"),
        ("eva02_tiny_patch14_224", ConfigurationError, "eva02_tiny_patch14_224 is a Eva, not a plain ViT"),
    ],
)
def test_a_name_that_is_no_plain_vit_is_refused(place, error, message):
    """One that timm does not know is answered with the nearest, another architecture with its class."""
    with pytest.raises(error, match=message):
        spec_of_vision(place)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": 3}, "names no architecture of timm"),
        ({"model_args": {"checkpoint_path": "evil.pth"}}, "model_args checkpoint_path are not known"),
        ({"model_args": {**SHAPE, "num_heads": 5}}, "timm refuses vit_tiny_patch16_224"),
    ],
)
def test_a_folder_that_says_something_else_is_refused(folders, tmp_path, changes, message):
    """No argument but those of a ViT's shape ever reaches timm."""
    configuration = json.loads((folders / "plain" / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    with pytest.raises(ConfigurationError, match=message):
        build(tmp_path)


def test_a_file_of_another_shape_is_refused(folders, tmp_path):
    """The tensor is named, with both shapes."""
    for path in (folders / "plain").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    configuration = json.loads((tmp_path / "config.json").read_text())
    configuration["model_args"]["mlp_ratio"] = 2
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    with pytest.raises(IntegrityError, match=r"blocks\.0\.mlp\.fc1\.weight has the shape \[128, 32\]"):
        build(tmp_path)


def test_listing_imports_no_timm():
    """The family stands in the catalog without the library."""
    program = (
        "import sys; from fpt_plugins.backbones.hooks import fpt_backbones\n"
        "print([b.prefix for b in fpt_backbones() if hasattr(b, 'prefix')], 'timm' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "['hf', 'timm'] False"
