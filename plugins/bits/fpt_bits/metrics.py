"""The scores of both tasks. ``B`` samples; outputs ``[B, length, 2]``, targets ``[B, length]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from fpt_plugins import Last, Metric, bit_accuracy

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins import Batch


def _masked_bit_accuracy(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    positions = targets.shape[1] // batch.tokens.shape[2]
    query = Last(positions).pool(batch.tokens, batch.attention_mask).flatten(1)  # [B, length]
    masked = query == 0
    right = (outputs.argmax(dim=-1) == targets) & masked
    return right.sum(1), masked.sum(1)


def _exact_match(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: ARG001 - every score takes the batch
    right = (outputs.argmax(dim=-1) == targets).all(dim=1)
    return right, right.new_ones(right.shape)


masked_bit_accuracy = Metric("accuracy", _masked_bit_accuracy)
"""Accuracy over the bits that the query hides: what has to be remembered, and nothing else."""

all_bits_accuracy = attrs.evolve(bit_accuracy, name="accuracy_all_bits")
"""The paper's score of bit memory, over visible bits too."""

exact_match = Metric("exact_match", _exact_match)
"""How many samples have every bit right."""
