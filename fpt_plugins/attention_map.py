"""Where a model looks: the weights of attention from the positions that are read to all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import torch

from fpt_plugins.data import collate, tokenize
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.sequence import TokenIds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from fpt_plugins.arm import Arm


@attrs.frozen(kw_only=True, eq=False)
class AttentionMap:
    """The weights of attention of one sample.

    Args:
        weights: ``[layers, heads, queries, keys]``, each row summing to 1 (within 1e-5 where the arm
            computes in fp32, within about 1e-2 in bf16).
        queries: Labels of the positions that are read out.
        keys: Labels of all positions: virtual tokens, if there are any, then the sample's own.
    """

    weights: NDArray[np.float32]
    queries: tuple[str, ...]
    keys: tuple[str, ...]


def attention_maps(arm: Arm, samples: Sequence[Any]) -> list[AttentionMap]:
    """The attention maps of some samples, as arrays.

    Attention is computed in the plain way for this one pass, whatever implementation the body has.

    Args:
        arm: A model, trained or not.
        samples: What the task's splits yield, or what its ``parse`` and ``read`` return.

    Raises:
        ConfigurationError: The body does not attend, or has no block.
        InputError: A sample is no sequence of the task.

    Example:
        >>> from fpt_plugins import build
        >>> arm = build("bits/xor", backbone="gpt2-mini", init="random")
        >>> (found,) = attention_maps(arm, [arm.task.parse({"strings": ["01010", "11001"]})])
        >>> found.weights.shape, found.queries
        ((4, 4, 5, 10), ('1', '1', '0', '0', '1'))
    """
    backbone: Any = arm.model.backbone
    if not hasattr(backbone, "attention_weights"):
        raise ConfigurationError(
            f"{arm.spec.name} has no attention to show: its body declares no attention_weights()",
            "take a transformer: --backbone minilm",
        )
    batch = collate(arm.task, tokenize(arm.plugins, arm.task, list(samples))).to(arm.precision.device)
    with arm.evaluating(), arm.precision.autocast():
        embeds = arm.model.input_embedding(batch.tokens)
        _, weights = backbone.attention_weights(embeds, batch.attention_mask)
    if not weights:
        raise ConfigurationError(f"{arm.spec.name} has no attention to show: it has no blocks")
    stacked = torch.stack([each.float().cpu() for each in weights], dim=1)  # [B, layers, heads, T, keys]
    return list(_maps(arm, batch.tokens.cpu(), batch.attention_mask.sum(1).tolist(), stacked))


def _maps(arm: Arm, tokens: Tensor, lengths: list[int], weights: Tensor) -> Iterator[AttentionMap]:
    virtual = weights.shape[-1] - weights.shape[-2]
    for sample, length, found in zip(tokens, lengths, weights, strict=True):
        positions = arm.task.readout.read_positions(length)
        labels = _labels(arm, sample[:length])
        yield AttentionMap(
            weights=found[..., positions.start : positions.stop, : virtual + length].numpy(),
            queries=labels[positions.start : positions.stop],
            keys=(*(f"v{number}" for number in range(virtual)), *labels),
        )


def _labels(arm: Arm, tokens: Tensor) -> tuple[str, ...]:
    """The symbols of ids; of vectors, which have no names, their numbers from 0."""
    sequence = arm.task.sequence
    if isinstance(sequence, TokenIds):
        return tuple(sequence.vocabulary[token] for token in tokens.tolist())
    return tuple(map(str, range(len(tokens))))
