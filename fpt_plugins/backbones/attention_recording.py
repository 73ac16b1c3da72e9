"""The weights of attention while a body computes, whatever implementation it was built with.

Fused kernels never hold them, and transformers then returns none and says nothing. So for one
pass attention is computed in the plain way, and the weights are kept as they come by.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

NAME = "fpt_recording"
"""Under which transformers knows the attention that keeps its weights."""


_WEIGHTS: ContextVar[list[Any]] = ContextVar("weights")


@contextmanager
def recorded(model: Any) -> Iterator[list[Tensor]]:
    """Inside, a list to which each layer of a transformers model appends its weights ``[B, heads, T, T]``."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    before = model.config._attn_implementation  # noqa: SLF001 - it can be set in public and not asked for
    weights: list[Tensor] = []
    token = _WEIGHTS.set(weights)
    model.set_attn_implementation(NAME)
    try:
        yield weights
    finally:
        _WEIGHTS.reset(token)
        model.set_attn_implementation(before)


def _attention(module: Any, *arguments: Any, **keywords: Any) -> tuple[Tensor, Tensor]:
    """The architecture's plain attention, which each modeling file of transformers has under one name."""
    plain = sys.modules[type(module).__module__].eager_attention_forward
    outputs, weights = plain(module, *arguments, **keywords)
    _WEIGHTS.get().append(weights)
    return outputs, weights
