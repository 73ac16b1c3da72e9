"""Tiny checkpoints of every Hugging Face family, saved by the library and loaded as any other folder is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions

VOCABULARY = 97
# No setting has its default, so that one which does not arrive shows.
SHARED = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "type_vocab_size": 3,
}  # fmt: skip
LLAMA = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "hidden_act": "relu", "rms_norm_eps": 1e-2,
    "max_position_embeddings": 24,
    "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50.0},
}  # fmt: skip
TINY: Mapping[str, Mapping[str, Any]] = {
    "gpt2": {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 24, "n_inner": 48,
        "activation_function": "relu", "layer_norm_epsilon": 1e-2, "scale_attn_by_inverse_layer_idx": True,
        "scale_attn_weights": False,
    },
    "bert": {**SHARED, "max_position_embeddings": 24},
    "roberta": {**SHARED, "max_position_embeddings": 26},
    "distilbert": {
        "vocab_size": VOCABULARY, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48,
        "activation": "relu", "max_position_embeddings": 24,
    },
    "llama": {**LLAMA, "attention_bias": True, "mlp_bias": True},
    "qwen2": LLAMA,
    "qwen3": {**LLAMA, "head_dim": 6, "attention_bias": True},
    "gpt_neox": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "max_position_embeddings": 24,
        "use_parallel_residual": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 50.0, "partial_rotary_factor": 0.5},
    },
    "opt": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "ffn_dim": 48, "word_embed_proj_dim": 32, "activation_function": "gelu",
        "max_position_embeddings": 24,
    },
    "t5": {
        "vocab_size": VOCABULARY, "d_model": 32, "num_layers": 3, "num_heads": 3, "d_kv": 6, "d_ff": 48,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9,
        "layer_norm_epsilon": 1e-2, "feed_forward_proj": "gated-silu", "decoder_start_token_id": 0,
    },
    "longformer": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "hidden_act": "relu", "layer_norm_eps": 1e-2, "type_vocab_size": 3,
        "max_position_embeddings": 26, "attention_window": [4, 8, 4],
    },
}  # fmt: skip
"""Three blocks of width 32 each."""

CLASSES: Mapping[str, tuple[Any, Any, Any]] = {
    "gpt2": (transformers.GPT2Config, transformers.GPT2Model, transformers.GPT2LMHeadModel),
    "bert": (transformers.BertConfig, transformers.BertModel, transformers.BertForMaskedLM),
    "roberta": (transformers.RobertaConfig, transformers.RobertaModel, transformers.RobertaForMaskedLM),
    "distilbert": (
        transformers.DistilBertConfig,
        transformers.DistilBertModel,
        transformers.DistilBertForMaskedLM,
    ),
    "llama": (transformers.LlamaConfig, transformers.LlamaModel, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2Model, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3Model, transformers.Qwen3ForCausalLM),
    "gpt_neox": (transformers.GPTNeoXConfig, transformers.GPTNeoXModel, transformers.GPTNeoXForCausalLM),
    "opt": (transformers.OPTConfig, transformers.OPTModel, transformers.OPTForCausalLM),
    "t5": (transformers.T5Config, transformers.T5EncoderModel, transformers.T5ForConditionalGeneration),
    "longformer": (
        transformers.LongformerConfig,
        transformers.LongformerModel,
        transformers.LongformerForMaskedLM,
    ),
}
"""The configuration, the body, and a model with a head of each family."""


def scrambled(model: nn.Module) -> Any:
    """The same model; no bias is left at zero and no norm at one, where a mistake would not show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def save(family: str, folder: Path) -> Path:
    """A folder of a family, saved with its head: names have prefixes, heads and decoders are extra."""
    configuration, _, with_head = CLASSES[family]
    scrambled(with_head(configuration(**TINY[family]))).save_pretrained(folder)
    return folder


def build(
    folder: Path, *, length: int = 10, dropout: float = 0.0, init: str = "pretrained", **options: Any
) -> Any:
    """The body in a folder."""
    spec = spec_of_place(str(folder))
    request = BackboneRequest(
        init=init, init_seed=0, length=length, dropout=dropout, options=TransformerOptions(**options)
    )
    return spec.build(spec, request)


def reference(folder: Path, family: str, **settings: Any) -> Any:
    """What the library itself makes of a folder."""
    return CLASSES[family][1].from_pretrained(folder, **settings).eval()


def padded_batch(width: int = 32) -> tuple[Tensor, Tensor]:
    """Embeddings ``[3, 10, width]`` of samples of 10, 7 and 1 tokens, and their mask."""
    inputs = torch.randn(3, 10, width, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([10, 7, 1])
    return inputs, torch.arange(10) < lengths[:, None]
