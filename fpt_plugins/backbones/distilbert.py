"""DistilBERT: BERT without token types, half as deep (Sanh et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch.nn import Module


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    blocks = model.transformer.layer
    norms = [norm for block in blocks for norm in (block.sa_layer_norm, block.output_layer_norm)]
    return {
        "layer_norm": [model.embeddings.LayerNorm, *norms],
        "position": [model.embeddings.position_embeddings],
        "attention": _attentions(model),
        "mlp": [block.ffn for block in blocks],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.attention for block in model.transformer.layer]


DISTILBERT = Architecture(
    model_type="distilbert",
    configuration_class="DistilBertConfig",
    model_class="DistilBertModel",
    width="dim",
    layers="n_layers",
    heads="n_heads",
    positions="max_position_embeddings",
    keys=("hidden_dim", "activation"),  # sinusoidal tables are saved like learned ones
    dropouts=("dropout", "attention_dropout"),
    causality={False: {}},
    tensor_names=TensorNames(
        prefix="distilbert.",
        blocks="transformer.layer",
        position_table="embeddings.position_embeddings.weight",
        token_tables=("embeddings.word_embeddings.weight",),
        residual_outputs=("attention.out_lin.weight", "ffn.lin2.weight"),
        unused=(
            r"embeddings\.position_ids",
            r"(vocab_transform|vocab_layer_norm|vocab_projector|pre_classifier|classifier|qa_outputs)\..*",
        ),
    ),
    parameter_groups=_parameter_groups,
    attentions=_attentions,
)
