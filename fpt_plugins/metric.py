"""Scores. A metric is a ratio of sums over samples, so that a batch's size never changes it.

``B`` samples; ``outputs`` and ``targets`` as the task's target lays them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.data import Batch

    Score: TypeAlias = Callable[[Tensor, Tensor, "Batch"], tuple[Tensor, Tensor]]


@attrs.frozen
class Metric:
    """A named score: the sum of numerators over the sum of denominators of a whole split.

    Args:
        name: The key in records and JSON: ``"accuracy"``.
        score: From outputs, targets and the batch (tokens and mask) to numerators ``[B]`` and
            denominators ``[B]``.
        higher_is_better: Which way selection on validation data goes.

    Example:
        >>> Metric("error", lambda outputs, targets, batch: (outputs != targets, targets == targets),
        ...        higher_is_better=False).name
        'error'
    """

    name: str
    score: Score
    higher_is_better: bool = True


def _classification_accuracy(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    import torch

    real = targets >= 0  # positions that are padding carry the target -100
    right = (outputs.argmax(dim=-1) == targets) & real
    return right.reshape(len(right), -1).sum(1), torch.as_tensor(real).reshape(len(real), -1).sum(1)


def _bit_accuracy(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    right = outputs.argmax(dim=-1) == targets  # outputs [B, count, 2], targets [B, count]
    return right.sum(1), (right | ~right).sum(1)


def _label_accuracy(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    right = (outputs > 0) == (targets > 1 / 2)
    return right.sum(1), (right | ~right).sum(1)


def _squared_error(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    error = (outputs - targets).square()
    return error.sum(1), error.new_ones(error.shape).sum(1)


def _absolute_error(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    error = (outputs - targets).abs()
    return error.sum(1), error.new_ones(error.shape).sum(1)


accuracy = Metric("accuracy", _classification_accuracy)
bit_accuracy = Metric("accuracy", _bit_accuracy)
label_accuracy = Metric("accuracy", _label_accuracy)
mean_squared_error = Metric("mean_squared_error", _squared_error, higher_is_better=False)
mean_absolute_error = Metric("mean_absolute_error", _absolute_error, higher_is_better=False)
