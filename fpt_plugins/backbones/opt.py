"""OPT: causal, learned positions that begin at row 2 of their table (Zhang et al., 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture, call_with_positions
from fpt_plugins.backbones.tensor_names import TensorNames
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

FIRST_POSITION = 2  # as in RoBERTa; but the two rows are not among the configuration's positions


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    blocks, last = model.decoder.layers, model.decoder.final_layer_norm
    norms = [norm for block in blocks for norm in (block.self_attn_layer_norm, block.final_layer_norm)]
    return {
        "layer_norm": norms if last is None else [*norms, last],
        "position": [model.decoder.embed_positions],
        "attention": _attentions(model),
        "mlp": [part for block in blocks for part in (block.fc1, block.fc2)],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.self_attn for block in model.decoder.layers]


def _call(model: Any, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor) -> Tensor:
    """The rows before position 0 are not held, and the library adds their number to each id."""
    return call_with_positions(model, inputs_embeds, attention_mask, position_ids - FIRST_POSITION)


def _check(configuration: Mapping[str, Any], owner: str) -> None:
    width, words = configuration.get("hidden_size"), configuration.get("word_embed_proj_dim")
    if words not in (None, width):
        raise ConfigurationError(
            f"{owner}: words of {words} numbers are projected to a width of {width}, and back; "
            "such an OPT is not built"
        )


OPT = Architecture(
    model_type="opt",
    configuration_class="OPTConfig",
    model_class="OPTModel",
    width="hidden_size",
    layers="num_hidden_layers",
    heads="num_attention_heads",
    positions="max_position_embeddings",
    keys=(
        "ffn_dim",
        "activation_function",
        "do_layer_norm_before",
        "_remove_final_layer_norm",
        "enable_bias",
        "layer_norm_elementwise_affine",
    ),
    constants={"use_cache": False, "layerdrop": 0.0},
    dropouts=("dropout", "attention_dropout"),
    causality={True: {}, False: {"is_causal": False}},
    tensor_names=TensorNames(
        prefix="model.",
        blocks="decoder.layers",
        position_table="decoder.embed_positions.weight",
        token_tables=("decoder.embed_tokens.weight",),
        residual_outputs=("self_attn.out_proj.weight", "fc2.weight"),
        unused=(r"(lm_head|score|qa_outputs)\..*",),
    ),
    first_position=FIRST_POSITION,
    library_offset=FIRST_POSITION,
    check=_check,
    call=_call,
    parameter_groups=_parameter_groups,
    attentions=_attentions,
)
