"""What a task predicts: its outputs' layout, its loss, and how an answer is written as JSON.

``B`` samples. ``size`` is the number of outputs per sample (per position for ``Every``).
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, min_len

from fpt_plugins.sequence import names

if TYPE_CHECKING:
    from torch import Tensor

PADDING_TARGET = -100
"""The target of a padded position: no loss, no score (the ecosystem's ``ignore_index``)."""

LARGEST_FLOAT32 = 2.0**128 - 2.0**104


class Target(abc.ABC):
    """What is predicted. ``outputs`` are the head's, shaped by :meth:`shape` and then :meth:`restore`."""

    dtype: str
    """The type that targets are stored and collated in: ``"int64"`` or ``"float32"``."""

    @property
    @abc.abstractmethod
    def target_shape(self) -> tuple[int, ...]:
        """The shape of one sample's target; of one position's for the readout ``Every``."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number that a target may hold."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Outputs per sample."""

    @abc.abstractmethod
    def shape(self, outputs: Tensor) -> Tensor:
        """The head's ``[B, size]`` (or ``[B, T, size]``) in the layout of the losses."""

    def restore(self, outputs: Tensor, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """The outputs, shaped, in the units of their sample: undoes what the embedding did to its scale.

        A forecast is made on a window that was normalized by its own mean and deviation; here it
        gets them back. Losses, metrics and answers are of what this returns. It is computed under
        autocast, where outputs may be bf16: calculate in ``outputs.float()``.

        Args:
            outputs: As :meth:`shape` lays them out.
            tokens: Ids ``[B, T]`` or vectors ``[B, T, width]``; padding is 0.
            attention_mask: ``[B, T]``, true where a token is real.
        """
        return outputs

    @abc.abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample, ``[B]``."""

    @abc.abstractmethod
    def describe(self, outputs: Tensor) -> dict[str, Any]:
        """One sample's outputs as the JSON that ``fpt predict`` prints."""


@attrs.frozen
class Classes(Target):
    """One of several classes. Targets: the class's place, ``[B]``; cross entropy.

    With the readout ``Every``: targets ``[B, T]``, the loss a mean over the real positions.

    Example:
        >>> Classes(("cat", "dog")).size
        2
    """

    names: tuple[str, ...] = attrs.field(validator=min_len(2), converter=names)
    dtype = "int64"
    target_shape = ()

    @property
    def bounds(self) -> tuple[float, float]:
        return 0, self.size - 1

    @property
    def size(self) -> int:
        return len(self.names)

    def shape(self, outputs: Tensor) -> Tensor:
        return outputs

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        import torch.nn.functional as F

        if targets.ndim == 1:
            return F.cross_entropy(outputs, targets, reduction="none")
        losses = F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")  # [B, T]
        return losses.sum(1) / (targets != PADDING_TARGET).sum(1).clamp(min=1)

    def describe(self, outputs: Tensor) -> dict[str, Any]:
        probabilities = outputs.softmax(dim=-1)
        best = probabilities.argmax(dim=-1)
        if outputs.ndim > 1:
            return {"classes": [self.names[i] for i in best.tolist()]}
        index = int(best)
        return {"class": self.names[index], "probability": float(probabilities[index])}


@attrs.frozen
class Labels(Target):
    """Any number of labels at once. Targets: 0 or 1 each, ``[B, size]``; binary cross entropy."""

    names: tuple[str, ...] = attrs.field(validator=min_len(1), converter=names)
    dtype = "float32"
    bounds = (0, 1)

    @property
    def size(self) -> int:
        return len(self.names)

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def shape(self, outputs: Tensor) -> Tensor:
        return outputs

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(1)

    def describe(self, outputs: Tensor) -> dict[str, Any]:
        probabilities = outputs.sigmoid().tolist()
        chosen = [name for name, p in zip(self.names, probabilities, strict=True) if p > 1 / 2]
        return {"labels": chosen, "probabilities": dict(zip(self.names, probabilities, strict=True))}


@attrs.frozen
class BitVector(Target):
    """``count`` bits. Targets: 0 or 1 each, ``[B, count]``; cross entropy over two outputs per bit.

    Two outputs per bit, not one, because the paper's head has them (its bit memory trains
    768 x 100 output weights for 50 bits per position).
    """

    count: int = attrs.field(validator=ge(1))
    dtype = "int64"
    bounds = (0, 1)

    @property
    def size(self) -> int:
        return 2 * self.count

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.count,)

    def shape(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(*outputs.shape[:-1], self.count, 2)  # [B, count, 2]

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)

    def describe(self, outputs: Tensor) -> dict[str, Any]:
        return {"bits": "".join(str(bit) for bit in outputs.argmax(dim=-1).tolist())}


@attrs.frozen
class RealVector(Target):
    """``count`` real numbers. Targets ``[B, count]``; mean squared error."""

    count: int = attrs.field(validator=ge(1))
    dtype = "float32"
    bounds = (-LARGEST_FLOAT32, LARGEST_FLOAT32)

    @property
    def size(self) -> int:
        return self.count

    @property
    def target_shape(self) -> tuple[int, ...]:
        return (self.count,)

    def shape(self, outputs: Tensor) -> Tensor:
        return outputs

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean(1)

    def describe(self, outputs: Tensor) -> dict[str, Any]:
        return {"values": outputs.tolist()}
