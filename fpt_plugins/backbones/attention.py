"""Scaled dot-product attention by the way that is fast on the device.

On a GPU that is PyTorch's own. On a CPU its kernels have two weak places (torch 2.15, one thread,
AVX-512; 16 samples of 120 positions and 12 heads, forward and backward): the backward pass is slow
in bf16 (85 ms against 47 ms in fp32), and dropout makes it form all weights in fp32 one step after
another (87 ms). So short sequences, and all with dropout, are attended to by matrix products here
(28 and 44 ms): scores and softmax in fp32, weights kept in the type that was given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fpt_plugins.backbones.dropout import drawn_mask, kept

AUTO, SDPA = "fpt_auto", "fpt_sdpa"
"""Under which transformers knows ours."""

SHORT = 512
"""Up to so many keys it is faster to form all weights; at 1,024 PyTorch's fp32 kernel is level."""


def sdpa(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """PyTorch's attention over ``[B, heads, T, width]``, as transformers calls it; on a CPU in fp32."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    given = query.dtype
    if query.device.type == "cpu":
        query, key, value = query.float(), key.float(), value.float()
    with torch.autocast(query.device.type, enabled=False):
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **rest)
    return output.to(given), None


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention over ``[B, heads, T, width]``, as transformers calls it, to ``[B, T, heads, width]``."""
    dropout: float = rest.get("dropout", 0.0)
    by_products = query.device.type == "cpu" and (dropout > 0.0 or key.shape[2] <= SHORT)
    if not by_products or rest.get("position_bias") is not None or key.shape[1] != query.shape[1]:
        return sdpa(module, query, key, value, attention_mask, **rest)
    query, key = query.to(value.dtype), key.to(value.dtype)  # rotary positions may have left them in fp32
    scale = rest.get("scaling")
    if attention_mask is None and _is_causal(module, query, rest.get("is_causal")):
        attention_mask = query.new_ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
    with torch.autocast(query.device.type, enabled=False):
        output: Tensor = ProductAttention.apply(
            query, key, value, attention_mask, query.shape[-1] ** -0.5 if scale is None else scale, dropout
        )
    return output, None


def _is_causal(module: torch.nn.Module, query: Tensor, given: bool | None) -> bool:
    """As transformers decides it: one query alone sees everything."""
    asked: bool = given if given is not None else getattr(module, "is_causal", True)
    return asked and query.shape[2] > 1


class ProductAttention(torch.autograd.Function):
    """Attention by three batched products forward and four backward.

    Inputs are queries ``[B, H, Q, W]``, keys and values ``[B, H, T, W]``, a mask that broadcasts to
    ``[B, H, Q, T]`` (boolean, true is seen; or a number added to the scores; or nothing), the scale
    and the probability of dropout; the output is ``[B, Q, H, W]``.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, dropout: float
    ) -> Tensor:
        ctx.heads, ctx.scale, ctx.keep = query.shape[1], scale, 1.0
        query, key, value = (each.contiguous().flatten(0, 1) for each in (query, key, value))  # [B * H, ...]
        weights = _weights(query, key, mask, scale, ctx.heads)  # [B * H, Q, T]
        mask, seen = None, weights
        if dropout > 0.0:
            shape = weights.view(-1, ctx.heads, *weights.shape[1:]).shape  # [B, H, Q, T]: drawn by sample
            mask, ctx.keep = drawn_mask(shape, dropout)
            mask = mask.flatten(0, 1)
            seen = kept(weights, mask)
        ctx.save_for_backward(query, key, value, weights, mask)
        return _joined(seen @ value, ctx.heads).mul_(ctx.keep)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, mask = ctx.saved_tensors
        gradient = (gradient.transpose(1, 2) * ctx.keep).contiguous().flatten(0, 1)  # [B * H, Q, W]
        of_weights, seen = gradient @ value.mT, weights  # [B * H, Q, T]
        if mask is not None:
            of_weights, seen = kept(of_weights, mask), kept(weights, mask)
        of_scores = torch.ops.aten._softmax_backward_data(of_weights, weights, -1, weights.dtype)  # noqa: SLF001 - public nowhere
        of_scores.mul_(ctx.scale)
        found = (of_scores @ key, of_scores.mT @ query, seen.mT @ gradient)
        return *(each.view(-1, ctx.heads, *each.shape[1:]) for each in found), None, None, None


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, heads: int) -> Tensor:
    """Softmax of the scaled scores ``[B * H, Q, T]``, taken in fp32 and kept in the queries' type."""
    scores = (query.float() * scale) @ key.float().mT
    if mask is not None:
        if mask.dtype == torch.bool:
            least = torch.finfo(scores.dtype).min  # not -inf, which makes a row of padding alone NaN
            mask = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, least)
        scores.view(-1, heads, *scores.shape[1:]).add_(mask)
    return scores.softmax(-1).to(query.dtype)


def _joined(output: Tensor, heads: int) -> Tensor:
    """``[B * H, Q, W]`` to ``[B, Q, H, W]``."""
    return output.view(-1, heads, *output.shape[1:]).transpose(1, 2).contiguous()


def implementation(name: str) -> str:
    """What transformers is told for an implementation by our name.

    Ours are made known to transformers here, with the masks of transformers' own ``sdpa``.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    ours = {"auto": (AUTO, attention), "sdpa": (SDPA, sdpa)}
    if name not in ours:
        return name
    registered, function = ours[name]
    AttentionInterface.register(registered, function)
    AttentionMaskInterface.register(registered, sdpa_mask)
    return registered
