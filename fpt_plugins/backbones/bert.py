"""BERT: sees both ways, the norm after each sublayer (Devlin et al., 2018); RoBERTa has the same blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.last_block import LastBlock, attend, taken
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def _norms(model: Any) -> list[Module]:
    inside = [(block.attention.output.LayerNorm, block.output.LayerNorm) for block in model.encoder.layer]
    return [model.embeddings.LayerNorm, *(norm for pair in inside for norm in pair)]


def _parameter_groups(model: Any) -> dict[Group, list[Module]]:
    blocks = model.encoder.layer
    return {
        "layer_norm": _norms(model),
        "position": [model.embeddings.position_embeddings],
        "token_embedding": [model.embeddings.token_type_embeddings],
        "attention": [
            part for block in blocks for part in (block.attention.self, block.attention.output.dense)
        ],
        "mlp": [part for block in blocks for part in (block.intermediate, block.output.dense)],
    }


def _attentions(model: Any) -> list[Any]:
    return [block.attention.self for block in model.encoder.layer]


def _last_block(block: Any, hidden_states: Tensor, positions: Tensor, seen: Tensor) -> Tensor:
    attention, read = block.attention.self, taken(hidden_states, positions)
    key, value = attention.key(hidden_states), attention.value(hidden_states)
    dropout = attention.dropout.p if block.training else 0.0
    attended = attend(attention, attention.query(read), key, value, seen, dropout)
    read = block.attention.output(attended, read)
    outputs: Tensor = block.output(block.intermediate(read), read)
    return outputs


BERT = Architecture(
    model_type="bert",
    configuration_class="BertConfig",
    model_class="BertModel",
    model_arguments={"add_pooling_layer": False},
    width="hidden_size",
    layers="num_hidden_layers",
    heads="num_attention_heads",
    positions="max_position_embeddings",
    keys=("intermediate_size", "hidden_act", "layer_norm_eps", "type_vocab_size"),
    required={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
    constants={"use_cache": False},
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
    causality={False: {}, True: {"is_decoder": True}},
    tensor_names=TensorNames(
        prefix="bert.",
        blocks="encoder.layer",
        position_table="embeddings.position_embeddings.weight",
        token_tables=("embeddings.word_embeddings.weight",),
        residual_outputs=("attention.output.dense.weight", "output.dense.weight"),
        unused=(
            r"embeddings\.(position_ids|token_type_ids)",
            r"(pooler|cls|classifier|qa_outputs)\..*",
        ),
    ),
    parameter_groups=_parameter_groups,
    attentions=_attentions,
    last_block=LastBlock(_last_block),
)

ROBERTA = attrs.evolve(
    BERT,
    model_type="roberta",
    configuration_class="RobertaConfig",
    model_class="RobertaModel",
    tensor_names=attrs.evolve(
        BERT.tensor_names, prefix="roberta.", unused=(*BERT.tensor_names.unused, r"lm_head\..*")
    ),
    first_position=2,  # fairseq kept rows 0 and 1 for padding (Liu et al., 2019)
)
