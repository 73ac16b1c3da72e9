"""Only what is read out of the last block: queries and feed-forward layers at those positions alone.

Nothing comes after the last block that mixes positions, so what it would compute elsewhere is never
used: the outputs and gradients are those of the whole block.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from torch import Tensor, nn


@attrs.frozen
class LastBlock:
    """How an architecture's last block is computed at some positions.

    Args:
        compute: From the block, its whole input ``[B, T, D]``, the positions ``[B, n]`` and what each
            of them sees ``[B, 1, n, T]`` (true is seen) to its outputs ``[B, n, D]``.
        norm: Where the norm after the last block is; ``None`` where there is none.
    """

    compute: Callable[[Any, Tensor, Tensor, Tensor], Tensor]
    norm: str | None = None


def without_last_block(model: Any, blocks: str, norm: str | None) -> Any:
    """A view of a model that shares every module with it but ends before its last block.

    Args:
        model: The library's module.
        blocks: The path of its list of blocks.
        norm: The path of the norm after them.
    """
    from torch import nn

    view = _viewed(model, blocks, model.get_submodule(blocks)[:-1])
    return view if norm is None else _viewed(view, norm, nn.Identity())


def _viewed(module: Any, path: str, replacement: nn.Module) -> Any:
    """A shallow copy of a module with another submodule at ``path``; the original stays as it was."""
    name, _, rest = path.partition(".")
    view = copy.copy(module)
    view._modules = dict(module._modules)  # noqa: SLF001 - the copy's own table: the modules are shared
    view._modules[name] = _viewed(module._modules[name], rest, replacement) if rest else replacement  # noqa: SLF001
    return view


def taken(hidden_states: Tensor, positions: Tensor) -> Tensor:
    """The rows ``[B, n, D]`` of ``[B, T, D]`` at positions ``[B, n]``."""
    return hidden_states.take_along_dim(positions.unsqueeze(-1), dim=1)


def seen_from(positions: Tensor, attention_mask: Tensor, *, causal: bool) -> Tensor:
    """What each position sees, ``[B, 1, n, T]``: what is real, and in a causal body not later than itself."""
    import torch

    seen = attention_mask.bool().unsqueeze(1)  # [B, 1, T]
    if causal:
        places = torch.arange(attention_mask.shape[1], device=positions.device)
        seen = seen & (places <= positions.unsqueeze(-1))
    return seen.expand(-1, positions.shape[1], -1).unsqueeze(1)


def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, seen: Tensor, dropout: float) -> Tensor:
    """Attention over joined heads, ``[B, n, D]`` and ``[B, T, D]`` to ``[B, n, D]``, as the body does it.

    Args:
        module: The library's attention; its scale and its configuration's implementation are used.
        query: Of the positions that are read.
        key: Of all positions; likewise ``value``.
        value: As above.
        seen: ``[B, 1, n, T]``.
        dropout: Of its weights, now.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    width = getattr(module, "head_dim", None) or module.attention_head_size
    query, key, value = (
        each.view(*each.shape[:2], -1, width).transpose(1, 2) for each in (query, key, value)
    )
    compute = ALL_ATTENTION_FUNCTIONS[module.config._attn_implementation]  # noqa: SLF001 - the library's own way
    outputs, _ = compute(
        module, query, key, value, seen, dropout=dropout, scaling=module.scaling, is_causal=False
    )
    joined: Tensor = outputs.flatten(2)
    return joined
