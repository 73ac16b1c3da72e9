"""Scaled dot-product attention in the type that is fast on the device.

PyTorch's CPU kernel for bf16 attention is slow in its backward pass: 42 ms against 2 ms in fp32
for 32 samples of 16 tokens and 12 heads, one thread, AVX-512 (torch 2.15). The products around it
stay in bf16.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NAME = "fpt_sdpa"
"""Under which transformers knows it."""


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention over ``[B, heads, T, width]``, as transformers calls it; on a CPU in fp32."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    given = query.dtype
    if query.device.type == "cpu":
        query, key, value = query.float(), key.float(), value.float()
    with torch.autocast(query.device.type, enabled=False):
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **rest)
    return output.to(given), None


def implementation(name: str) -> str:
    """What transformers is told for an implementation by our name: ``sdpa`` is the one above.

    It is made known to transformers here, with the masks of transformers' own ``sdpa``.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if name != "sdpa":
        return name
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    return NAME
