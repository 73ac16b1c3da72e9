"""Features of the frozen body, computed once where nothing below the head trains.

Then a step is the head's alone. Every sample goes through the body once, in the batches of an
evaluation and not in those of the training: a feature may differ in its last bits from what a
step would have computed, as any sum does whose batch is of another size.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fpt_plugins.data import Batch, Samples, whole
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.evaluation import EVALUATION_BATCH
from fpt_plugins.feature_store import FeatureStore, FiledFeatures, HeldFeatures
from fpt_plugins.memory import Room
from fpt_plugins.progress import track
from fpt_plugins.readout import Flatten
from fpt_plugins.sequence import TokenIds
from fpt_plugins.storage import temporary_name
from fpt_plugins.streams import preserved_generators

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

MOST_BYTES = 2 << 30
"""Features of a split are held in memory up to this size, and beyond it in a file."""

MOST_TOKEN_BYTES = 1 << 28
"""The tokens of a split are padded once, all of them, up to this size, and beyond it for each batch."""

FP32_BYTES, INT64_BYTES = 4, 8


class FeatureSplit:
    """A split whose batches bring the hidden states that the head reads.

    They are computed when the first batch is drawn: ``[N, n, D]`` for ``N`` samples, ``n`` read-out
    positions and width ``D``. What else a batch brings is laid out then too: an epoch of the head
    alone takes milliseconds, and padding the same tokens anew took a fifth of it.

    Args:
        arm: Whose frozen body it is.
        split: The samples.
        scratch: The folder for a file of features that are too many for memory.
    """

    def __init__(self, arm: Arm, split: Samples, scratch: Path) -> None:
        self._arm, self._split, self._scratch = arm, split, scratch
        self.lengths = split.lengths
        self._features: FeatureStore | None = None
        self._whole: Batch | None = None

    def __len__(self) -> int:
        return len(self._split)

    def batch(self, samples: Sequence[tuple[int, int]]) -> Batch:
        """The batch of some ``(index, epoch)``; the epoch changes nothing here."""
        if self._features is None:
            self._features = _compute(self._arm, self._split, self._scratch)
            if _token_bytes(self._arm, len(self)) <= MOST_TOKEN_BYTES:
                every = self._split.batch([(index, 0) for index in range(len(self))])
                self._whole = every.to(self._arm.precision.device)
        indices = torch.tensor([index for index, _ in samples], device=self._arm.precision.device)
        plain = self._split.batch(samples) if self._whole is None else self._whole.take(indices)
        return Batch(plain.tokens, plain.attention_mask, plain.targets, self._features.take(indices))

    def close(self) -> None:
        """Gives back memory and file; a batch that is drawn later computes them again."""
        if self._features is not None:
            self._features.close()
        self._features = self._whole = None


def with_features(arm: Arm, split: Samples, scratch: Path) -> Samples:
    """The split with features where the run caches them, else the split itself.

    Args:
        arm: Whose frozen body it is.
        split: The samples.
        scratch: The folder for features that are too many for memory.

    Raises:
        ConfigurationError: The run asks for cached features and cannot have them; with the reason.
    """
    asked = arm.configuration.cache_features
    if asked is False:
        return split
    reason = why_not(arm, split, scratch)
    if asked and reason:
        raise ConfigurationError(f"features of the frozen body cannot be cached: {reason}")
    return split if reason else FeatureSplit(arm, split, scratch)


def why_not(arm: Arm, split: Samples, scratch: Path) -> str:
    """Why a split's features cannot be computed once; empty where they can."""
    return _trains_below(arm) or _changes(arm, split) or _too_large(arm, len(split), scratch)


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


def _too_large(arm: Arm, samples: int, scratch: Path) -> str:
    if arm.task.readout.positions is None:
        return f"{arm.task.name} reads every position"
    needed, free = _feature_bytes(arm, samples), shutil.disk_usage(scratch).free
    if MOST_BYTES < needed > free:
        return f"they would take {needed >> 20} MB, and {scratch} has {free >> 20} MB left"
    return ""


def _feature_bytes(arm: Arm, samples: int) -> int:
    return samples * (arm.task.readout.positions or 0) * _width(arm) * FP32_BYTES


def _token_bytes(arm: Arm, samples: int) -> int:
    """Of all samples, each padded to the longest that there may be."""
    sequence = arm.task.sequence
    each = INT64_BYTES if isinstance(sequence, TokenIds) else sequence.width * FP32_BYTES
    return samples * sequence.max_length * each


def _width(arm: Arm) -> int:
    """Of what the head reads: a flattening readout joins all positions into one."""
    readout, embed_dim = arm.task.readout, int(arm.model.backbone.embed_dim)
    return embed_dim * readout.length if isinstance(readout, Flatten) else embed_dim


def _compute(arm: Arm, split: Samples, scratch: Path) -> FeatureStore:
    size, device = EVALUATION_BATCH * (arm.configuration.batch_size or 1), arm.precision.device
    store: FeatureStore | None = None
    batches, room = whole(split, size), Room()
    for indices, batch in track(batches, f"features of {arm.task.name}", -(-len(split) // size)):
        with arm.evaluating(), arm.precision.autocast():
            found = room.fit(functools.partial(_features, arm, batch.to(device)), len(batch))
        store = store or _store(arm, found[0], split, scratch)
        store.put(indices, found)
    assert store is not None  # noqa: S101 # no split is empty; for the type checker
    return store


def _features(arm: Arm, batch: Batch, size: int) -> Tensor:
    """``[b, n, D]``, of so many samples at a time."""
    return torch.cat([arm.model.features(each.tokens, each.attention_mask) for each in batch.parts(size)])


def _store(arm: Arm, row: Tensor, split: Samples, scratch: Path) -> FeatureStore:
    count = len(split)
    if _feature_bytes(arm, count) > MOST_BYTES:
        return FiledFeatures(temporary_name(scratch / f"features-{id(split):x}.h5"), count, row)
    return HeldFeatures(torch.empty(count, *row.shape, dtype=row.dtype, device=row.device))
