"""The weights of attention while a body computes, whatever implementation it was built with.

Fused kernels never hold them, and transformers then returns none and says nothing. So for one
pass attention is computed in the plain way, and the weights are kept as they come by.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

NAME = "fpt_recording"
"""Under which transformers knows the attention that keeps its weights."""


@contextmanager
def recorded(model: Any) -> Iterator[list[Tensor]]:
    """Inside, a list to which each layer of a transformers model appends its weights ``[B, heads, T, T]``.

    Each modeling file of transformers has its own plain attention, with what is particular to the
    architecture, under one name; it is called for any implementation.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    weights: list[Tensor] = []

    def record(module: Any, *arguments: Any, **keywords: Any) -> tuple[Tensor, Tensor]:
        plain = sys.modules[type(module).__module__].eager_attention_forward
        outputs, found = plain(module, *arguments, **keywords)
        weights.append(found)
        return outputs, found

    AttentionInterface.register(NAME, record)
    AttentionMaskInterface.register(NAME, eager_mask)
    configurations = {id(part.config): part.config for part in model.modules() if hasattr(part, "config")}
    before = {key: found._attn_implementation for key, found in configurations.items()}  # noqa: SLF001 - the setter that has no public name also reloads kernels
    try:
        for found in configurations.values():
            found._attn_implementation = NAME  # noqa: SLF001 - as above
        yield weights
    finally:
        for key, found in configurations.items():
            found._attn_implementation = before[key]  # noqa: SLF001 - as above
