"""GPT-NeoX: causal, rotary positions, attention and feed-forward side by side (Black et al., 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        "layer_norm": [*norms, model.final_layer_norm],
        "attention": _attentions(model),
        "mlp": [block.mlp for block in model.layers],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.attention for block in model.layers]


GPT_NEOX = Architecture(
    model_type="gpt_neox",
    configuration_class="GPTNeoXConfig",
    model_class="GPTNeoXModel",
    width="hidden_size",
    layers="num_hidden_layers",
    heads="num_attention_heads",
    positions="max_position_embeddings",
    keys=(
        "intermediate_size",
        "hidden_act",
        "layer_norm_eps",
        "use_parallel_residual",
        "attention_bias",
        "rotary_pct",
        "rotary_emb_base",
        *KEYS,
    ),
    constants={"use_cache": False},
    dropouts=("attention_dropout", "hidden_dropout"),
    causality={True: {}, False: {"is_causal": False}},
    tensor_names=TensorNames(
        prefix="gpt_neox.",
        blocks="layers",
        token_tables=("embed_in.weight",),
        residual_outputs=("attention.dense.weight", "mlp.dense_4h_to_h.weight"),
        unused=(
            r"layers\.\d+\.attention\.((masked_)?bias|rotary_emb\.inv_freq)",  # which old versions saved
            r"(embed_out|lm_head|score|classifier|qa_outputs)\..*",
        ),
    ),
    check=check_rotary,
    parameter_groups=_parameter_groups,
    attentions=_attentions,
)
