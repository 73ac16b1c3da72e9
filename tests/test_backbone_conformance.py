"""Every body that the core brings keeps the contract of backbones, by the suite that authors are given."""

import shutil
from pathlib import Path

import pytest
import timm
import transformers
from timm.models import save_for_hf

from fpt_plugins.backbone import BackboneSpec
from fpt_plugins.backbones.catalog import BACKBONES
from fpt_plugins.backbones.config_file import ARCHITECTURES
from fpt_plugins.testing import NotApplicable, parametrize_backbone_with_checks
from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.backbone_suite import BACKBONE_CHECKS
from fpt_plugins.testing.result import ContractBroken

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 13}
ENCODER = {**SHAPE, "intermediate_size": 48, "max_position_embeddings": 24}
DECODER = {**ENCODER, "num_key_value_heads": 2}
CONFIGURATIONS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 24, "vocab_size": 13},
    "bert": ENCODER,
    "roberta": ENCODER,
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 13},
    "llama": DECODER,
    "qwen2": DECODER,
    "qwen3": {**DECODER, "head_dim": 8},
    "gpt_neox": ENCODER,
    "opt": {**SHAPE, "ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 24},
    "t5": {
        "d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48, "vocab_size": 13,
        "decoder_start_token_id": 0,
    },
    "longformer": {**ENCODER, "attention_window": 4},
}  # fmt: skip
"""Of Hugging Face's families, a tiny body each."""

VISION = {"embed_dim": 32, "depth": 2, "num_heads": 4, "img_size": 32, "patch_size": 8, "num_classes": 5}
CONTROLS = {
    "none": {"width": 16},
    "linear": {"width": 16},
    "lstm": {"width": 16, "layers": 2, "positions": 16},
    "attention-1": {"width": 16, "heads": 2, "positions": 16},
    "block-1": {"width": 16, "heads": 2, "positions": 16},
}
EXPECTED = {("linear", "check_dropout"): "one linear map has no place for dropout, and ignores it"}
EXAMPLE = Path(__file__).parents[1] / "examples" / "convolution"
FAMILIES = [*CONFIGURATIONS, "timm", *CONTROLS]
IN_FRESH_PROCESSES = ("check_building_is_offline", "check_digest")
"""They take seconds each, most of them imports: for one body here, for all in `make heavy`."""


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """A body of every family: pretrained ones from folders that the libraries saved, controls by name."""
    root, found = tmp_path_factory.mktemp("bodies"), {}
    for family, shape in CONFIGURATIONS.items():
        configuration = transformers.AutoConfig.for_model(family, **shape)
        model = transformers.T5EncoderModel if family == "t5" else transformers.AutoModel
        build = model if family == "t5" else model.from_config
        build(configuration).save_pretrained(root / family)
        found[family] = BackboneSubject(f"hf:{root / family}", init="pretrained")
    vision = timm.create_model("vit_tiny_patch16_224", **VISION)
    save_for_hf(vision, root / "timm", model_args=VISION, safe_serialization=True)
    found["timm"] = BackboneSubject(f"timm:{root / 'timm'}", init="pretrained")
    return found | {name: BackboneSubject(name, given) for name, given in CONTROLS.items()}


def run(subjects, family, check):
    """One check on one body; it is skipped with the reason where it does not apply."""
    if (family, check) in EXPECTED:
        with pytest.raises(ContractBroken):
            BACKBONE_CHECKS[check](subjects[family])
        pytest.xfail(EXPECTED[family, check])
    try:
        BACKBONE_CHECKS[check](subjects[family])
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("check", [name for name in BACKBONE_CHECKS if name not in IN_FRESH_PROCESSES])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_keeps_the_contract(subjects, family, check):
    """The check passes on a tiny body of the family."""
    run(subjects, family, check)


@pytest.mark.heavy
@pytest.mark.parametrize("check", IN_FRESH_PROCESSES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_keeps_the_contract_in_a_fresh_process(subjects, family, check):
    """The check passes on a tiny body of the family, built here and elsewhere."""
    run(subjects, family, check)


@parametrize_backbone_with_checks("lstm", suite="1", options={"width": 16, "layers": 2})
def test_a_body_by_its_name(backbone, check):
    """The suite as an author of a backbone uses it."""
    check(backbone)


def test_the_example_keeps_the_contract(tmp_path, install_project):
    """The body of examples/convolution, installed, fails no check that runs in this process."""
    install_project(shutil.copytree(EXAMPLE, tmp_path / "convolution"))
    subject = BackboneSubject("convolution:random", {"width": 16})
    results = [c.run(subject) for name, c in BACKBONE_CHECKS.items() if name not in IN_FRESH_PROCESSES]
    assert [(each.check, each.reason) for each in results if each.status == "failed"] == []


def test_every_family_of_the_catalog_is_here():
    """A body that is added to the core is added to this file: by its architecture, or by its name."""
    assert set(CONFIGURATIONS) == set(ARCHITECTURES)
    own = {spec.name for spec in BACKBONES if isinstance(spec, BackboneSpec) and spec.source == "-"}
    tiny = {"gpt2-mini"}  # of the family gpt2
    assert own - tiny == set(CONTROLS)
