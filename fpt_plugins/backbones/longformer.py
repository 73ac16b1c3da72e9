"""Longformer: RoBERTa whose tokens see a window around them (Beltagy et al., 2020).

It computes attention in its own way, whatever ``attention`` says. The projections of global attention
serve tokens that are marked as global; none is here, so these are not held and can never train.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from fpt_plugins.backbones.architecture import Architecture, call_with_positions
from fpt_plugins.backbones.bert import ROBERTA
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

_GLOBAL = ("query_global", "key_global", "value_global")


def _drop_unused(model: Any) -> None:
    for attention in ROBERTA.attentions(model):
        for name in _GLOBAL:
            setattr(attention, name, None)


def _call(model: Any, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor) -> Tensor:
    """With padding to whole windows, which the library itself would make of the vocabulary."""
    from torch.nn.functional import pad

    length, windows = inputs_embeds.shape[1], model.config.attention_window
    if not windows:
        embedded: Tensor = model.embeddings(inputs_embeds=inputs_embeds, position_ids=position_ids)
        return embedded
    missing = -length % max(windows)
    return call_with_positions(
        model,
        pad(inputs_embeds, (0, 0, 0, missing)),
        pad(attention_mask.long(), (0, missing)),
        pad(position_ids, (0, missing)),
    )[:, :length]


@contextmanager
def _recorded(model: Any) -> Iterator[list[Tensor]]:
    """Each layer is asked for its weights, which it gives a window wide; they are laid out as others' are."""
    weights: list[Tensor] = []

    def ask(_: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
        return arguments, {**keywords, "output_attentions": True}

    def take(_: Any, __: Any, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        weights.append(_whole(outputs[1]))
        return outputs[:1]

    attentions = ROBERTA.attentions(model)
    handles = [
        *(attention.register_forward_pre_hook(ask, with_kwargs=True) for attention in attentions),
        *(attention.register_forward_hook(take) for attention in attentions),
    ]
    try:
        yield weights
    finally:
        for handle in handles:
            handle.remove()


def _whole(windowed: Tensor) -> Tensor:
    """``[B, T, heads, W + 1]``, around each query, to ``[B, heads, T, T]``, by key."""
    import torch

    samples, length, heads, width = windowed.shape
    whole = windowed.new_zeros(samples, heads, length, length + width - 1)
    keys = torch.arange(length, device=windowed.device).unsqueeze(1) + torch.arange(
        width, device=windowed.device
    )
    whole.scatter_(-1, keys.expand(samples, heads, -1, -1), windowed.transpose(1, 2))
    return whole[..., width // 2 : width // 2 + length]


def _check(configuration: Mapping[str, Any], owner: str) -> None:
    windows, layers = configuration.get("attention_window", 512), configuration.get("num_hidden_layers")
    each = windows if isinstance(windows, list) else [windows]
    if isinstance(windows, list) and len(windows) != layers:
        raise ConfigurationError(f"{owner}: attention_window has {len(windows)} numbers for {layers} layers")
    for window in each:
        if type(window) is not int or window < 4 or window % 2:
            raise ConfigurationError(f"{owner}: an attention_window is {window!r}, not an even number from 4")


LONGFORMER: Architecture = attrs.evolve(
    ROBERTA,
    model_type="longformer",
    configuration_class="LongformerConfig",
    model_class="LongformerModel",
    keys=("intermediate_size", "hidden_act", "layer_norm_eps", "type_vocab_size", "attention_window"),
    required={},
    constants={"attn_implementation": "eager"},
    causality={False: {}},
    tensor_names=attrs.evolve(
        ROBERTA.tensor_names,
        prefix="longformer.",
        unused=(
            *ROBERTA.tensor_names.unused,
            rf"encoder\.layer\.\d+\.attention\.self\.({'|'.join(_GLOBAL)})\.(weight|bias)",
        ),
    ),
    check=_check,
    drop_unused=_drop_unused,
    call=_call,
    recorded=_recorded,
)
