"""LLaMA: causal, rotary positions, an RMS norm before each sublayer (Touvron et al., 2023).

Qwen2 and Qwen3 have the same blocks; Qwen3 normalizes queries and keys inside attention, which is a
part of attention and no norm of the residual stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.rotary import KEYS, check_rotary
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch.nn import Module


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    norms = [
        norm for block in model.layers for norm in (block.input_layernorm, block.post_attention_layernorm)
    ]
    return {
        "layer_norm": [*norms, model.norm],
        "attention": _attentions(model),
        "mlp": [block.mlp for block in model.layers],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.self_attn for block in model.layers]


LLAMA = Architecture(
    model_type="llama",
    configuration_class="LlamaConfig",
    model_class="LlamaModel",
    width="hidden_size",
    layers="num_hidden_layers",
    heads="num_attention_heads",
    positions="max_position_embeddings",
    keys=(
        "intermediate_size",
        "num_key_value_heads",
        "head_dim",
        "hidden_act",
        "rms_norm_eps",
        "attention_bias",
        "mlp_bias",
        *KEYS,
    ),
    required={"pretraining_tp": 1},
    constants={"use_cache": False},
    dropouts=("attention_dropout",),
    causality={True: {}, False: {"is_causal": False}},
    tensor_names=TensorNames(
        prefix="model.",
        blocks="layers",
        token_tables=("embed_tokens.weight",),
        residual_outputs=("self_attn.o_proj.weight", "mlp.down_proj.weight"),
        unused=(
            r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",  # which old versions saved
            r"(lm_head|score|qa_outputs)\..*",
        ),
    ),
    check=check_rotary,
    parameter_groups=_parameter_groups,
    attentions=_attentions,
)

QWEN2 = attrs.evolve(
    LLAMA,
    model_type="qwen2",
    configuration_class="Qwen2Config",
    model_class="Qwen2Model",
    keys=("intermediate_size", "num_key_value_heads", "hidden_act", "rms_norm_eps", *KEYS),
    required={"use_sliding_window": False},
)

QWEN3 = attrs.evolve(
    QWEN2,
    model_type="qwen3",
    configuration_class="Qwen3Config",
    model_class="Qwen3Model",
    head_width="head_dim",
    keys=(*QWEN2.keys, "head_dim", "attention_bias"),
)
