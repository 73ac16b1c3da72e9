"""Features of the frozen body, computed once where nothing below the head trains.

Then a step is the head's alone. Every sample goes through the body once, in the batches of an
evaluation and not in those of the training: a feature may differ in its last bits from what a
step would have computed, as any sum does whose batch is of another size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import torch

from fpt_plugins.data import Batch, Samples, whole
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.evaluation import EVALUATION_BATCH
from fpt_plugins.progress import track
from fpt_plugins.readout import Flatten
from fpt_plugins.streams import preserved_generators

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

MOST_BYTES = 2 << 30
"""Features of a split are held in memory up to this size."""

FP32_BYTES = 4


class FeatureSplit:
    """A split whose batches bring the hidden states that the head reads.

    They are computed when the first batch is drawn: ``[N, n, D]`` for ``N`` samples, ``n`` read-out
    positions and width ``D``.

    Args:
        arm: Whose frozen body it is.
        split: The samples.
    """

    def __init__(self, arm: Arm, split: Samples) -> None:
        self._arm, self._split = arm, split
        self.lengths = split.lengths
        self._features: Tensor | None = None

    def __len__(self) -> int:
        return len(self._split)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``; the epoch changes nothing here."""
        if self._features is None:
            self._features = _compute(self._arm, self._split)
        indices = torch.tensor([index for index, _ in samples], device=self._features.device)
        return attrs.evolve(self._split.batch(samples), features=self._features[indices])


def with_features(arm: Arm, split: Samples) -> Samples:
    """The split with features where the run caches them, else the split itself.

    Raises:
        ConfigurationError: The run asks for cached features and cannot have them; with the reason.
    """
    asked = arm.configuration.cache_features
    if asked is False:
        return split
    reason = why_not(arm, split)
    if asked and reason:
        raise ConfigurationError(f"features of the frozen body cannot be cached: {reason}")
    return split if reason else FeatureSplit(arm, split)


def why_not(arm: Arm, split: Samples) -> str:
    """Why a split's features cannot be computed once; empty where they can."""
    return _trains_below(arm) or _changes(arm, split) or _too_large(arm, len(split))


def _trains_below(arm: Arm) -> str:
    below = sorted(arm.partition.trained - {"head"})
    return f"{', '.join(below)} trains below the head" if below else ""


def _changes(arm: Arm, split: Samples) -> str:
    """What makes the same sample another one at another step."""
    settings, task = arm.configuration, arm.task
    if task.fresh:
        return f"{', '.join(sorted(task.fresh))} samples of {task.name} are drawn anew in each epoch"
    if settings.wrappers:
        return f"--with {' '.join(settings.wrappers)} may change a sample at every step"
    if settings.dropout:
        return f"--dropout {settings.dropout:g} changes them at every step"
    if _draws(arm, split):
        return "in training the input embedding or the body draws at random"
    return ""


def _draws(arm: Arm, split: Samples) -> bool:
    """Whether the first sample is another one in training mode than in evaluation."""
    batch, was_training = split.batch([(0, 0)]).to(arm.precision.device), arm.model.training
    with preserved_generators(), torch.no_grad(), arm.precision.autocast():
        found = [arm.model.train(mode).features(batch.tokens, batch.attention_mask) for mode in (True, False)]
    arm.model.train(was_training)
    return not torch.equal(*found)


def _too_large(arm: Arm, samples: int) -> str:
    positions = arm.task.readout.positions
    if positions is None:
        return f"{arm.task.name} reads every position"
    needed = samples * positions * _width(arm) * FP32_BYTES
    return f"they would take {needed >> 20} MB, more than {MOST_BYTES >> 20}" if needed > MOST_BYTES else ""


def _width(arm: Arm) -> int:
    """Of what the head reads: a flattening readout joins all positions into one."""
    readout, embed_dim = arm.task.readout, int(arm.model.backbone.embed_dim)
    return embed_dim * readout.length if isinstance(readout, Flatten) else embed_dim


def _compute(arm: Arm, split: Samples) -> Tensor:
    size, device = EVALUATION_BATCH * (arm.configuration.batch_size or 1), arm.precision.device
    features = torch.empty(0)
    batches = whole(split, size)
    for indices, batch in track(batches, f"features of {arm.task.name}", -(-len(split) // size)):
        with arm.evaluating(), arm.precision.autocast():
            placed = batch.to(device)
            found = arm.model.features(placed.tokens, placed.attention_mask)  # [b, n, D]
        if not len(features):
            features = torch.empty(len(split), *found.shape[1:], dtype=found.dtype, device=device)
        features[indices] = found
    return features
