"""GPT-2: causal, the norm before each sublayer (Radford et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.last_block import LastBlock, attend, taken
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    return {
        "layer_norm": [*(norm for block in model.h for norm in (block.ln_1, block.ln_2)), model.ln_f],
        "position": [model.wpe],
        "attention": [block.attn for block in model.h],
        "mlp": [block.mlp for block in model.h],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.attn for block in model.h]


def _last_block(block: Any, hidden_states: Tensor, positions: Tensor, seen: Tensor) -> Tensor:
    attention, read = block.attn, taken(hidden_states, positions)
    joined = attention.c_attn(block.ln_1(hidden_states))  # one matrix: queries of all positions too
    query, key, value = joined.split(attention.split_size, dim=2)
    dropout = attention.attn_dropout.p if block.training else 0.0
    attended = attend(attention, taken(query, positions), key, value, seen, dropout)
    read = read + attention.resid_dropout(attention.c_proj(attended))
    outputs: Tensor = read + block.mlp(block.ln_2(read))
    return outputs


GPT2 = Architecture(
    model_type="gpt2",
    configuration_class="GPT2Config",
    model_class="GPT2Model",
    width="n_embd",
    layers="n_layer",
    heads="n_head",
    positions="n_positions",
    keys=(
        "n_inner",
        "activation_function",
        "layer_norm_epsilon",
        "scale_attn_weights",
        "scale_attn_by_inverse_layer_idx",
        "reorder_and_upcast_attn",
    ),
    required={"add_cross_attention": False},
    constants={"use_cache": False},
    dropouts=("embd_pdrop", "resid_pdrop", "attn_pdrop"),
    causality={True: {}, False: {"is_causal": False}},
    tensor_names=TensorNames(
        prefix="transformer.",
        blocks="h",
        position_table="wpe.weight",
        token_tables=("wte.weight",),
        residual_outputs=("attn.c_proj.weight", "mlp.c_proj.weight"),
        unused=(
            r"h\.\d+\.attn\.(masked_)?bias",  # the causal mask, which old versions saved
            r"(lm_head|score)\.weight",
            r"multiple_choice_head\..*",
        ),
    ),
    parameter_groups=_parameter_groups,
    attentions=_attentions,
    last_block=LastBlock(_last_block, norm="ln_f"),
)
