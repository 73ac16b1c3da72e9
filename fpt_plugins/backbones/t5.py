"""T5's encoder: sees both ways, with one table of relative positions for all blocks (Raffel et al., 2020).

The table holds a number per distance and head, and the first block computes its part of attention for
the others. Distances beyond the last bucket share it: no sequence is too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    stack, attentions = model.encoder, _attentions(model)
    norms = [sublayer.layer_norm for block in stack.block for sublayer in block.layer]
    return {
        "layer_norm": [*norms, stack.final_layer_norm],
        "position": [attention.relative_attention_bias for attention in attentions[:1]],
        "attention": [part for found in attentions for part in (found.q, found.k, found.v, found.o)],
        "mlp": [block.layer[1].DenseReluDense for block in stack.block],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.layer[0].SelfAttention for block in model.encoder.block]


def _call(model: Any, inputs_embeds: Tensor, attention_mask: Tensor, _position_ids: Tensor) -> Tensor:
    hidden_states: Tensor = model(
        inputs_embeds=inputs_embeds, attention_mask=attention_mask
    ).last_hidden_state
    return hidden_states


T5 = Architecture(
    model_type="t5",
    configuration_class="T5Config",
    model_class="T5EncoderModel",
    width="d_model",
    layers="num_layers",
    heads="num_heads",
    positions=None,
    head_width="d_kv",
    keys=(
        "d_kv",
        "d_ff",
        "relative_attention_num_buckets",
        "relative_attention_max_distance",
        "layer_norm_epsilon",
        "feed_forward_proj",
    ),
    constants={"use_cache": False, "is_encoder_decoder": False},
    dropouts=("dropout_rate",),
    causality={False: {}},
    tensor_names=TensorNames(
        prefix="transformer.",
        blocks="encoder.block",
        token_tables=("shared.weight", "encoder.embed_tokens.weight"),
        residual_outputs=("layer.0.SelfAttention.o.weight", "layer.1.DenseReluDense.wo.weight"),
        unused=(
            r"decoder\..*",
            r"(lm_head|classifier|classification_head|qa_outputs)\..*",
        ),
    ),
    parameter_groups=_parameter_groups,
    attentions=_attentions,
    call=_call,
)
