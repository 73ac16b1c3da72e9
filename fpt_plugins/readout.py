"""Which hidden states a task reads. Padding is never read out.

``B`` samples, ``T`` padded positions, ``D`` width of the backbone.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge

if TYPE_CHECKING:
    from torch import Tensor


class Readout(abc.ABC):
    """A choice of hidden states, by the mask that says which positions are real."""

    @abc.abstractmethod
    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Hidden states ``[B, T, D]`` and mask ``[B, T]`` (true is real) to ``[B, n, D]``."""

    def index(self, attention_mask: Tensor) -> Tensor | None:
        """Which positions ``[B, n]`` it reads, in order; ``None`` where that is all of them."""
        return None

    @property
    @abc.abstractmethod
    def positions(self) -> int | None:
        """How many vectors each sample yields; ``None`` where every position yields one."""

    def read_positions(self, length: int) -> range:
        """Which positions of a sample of ``length`` tokens are read."""
        return range(length)


@attrs.frozen
class Last(Readout):
    """The last ``n`` real positions, in order. Every sample needs that many tokens."""

    n: int = attrs.field(default=1, validator=ge(1))

    @property
    def positions(self) -> int:
        return self.n

    def read_positions(self, length: int) -> range:
        return range(length - self.n, length)

    def index(self, attention_mask: Tensor) -> Tensor:
        import torch

        lengths = attention_mask.sum(dim=1, keepdim=True)  # [B, 1]
        return lengths - self.n + torch.arange(self.n, device=lengths.device)

    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        return hidden_states.take_along_dim(self.index(attention_mask).unsqueeze(-1), dim=1)


@attrs.frozen
class First(Readout):
    """The first position, as BERT's classifiers read it. A causal body is refused."""

    @property
    def positions(self) -> int:
        return 1

    def read_positions(self, length: int) -> range:
        return range(min(1, length))

    def index(self, attention_mask: Tensor) -> Tensor:
        return attention_mask.new_zeros(len(attention_mask), 1).long()

    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        return hidden_states[:, :1]


@attrs.frozen
class Mean(Readout):
    """The mean over the real positions."""

    @property
    def positions(self) -> int:
        return 1

    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        mask = attention_mask.unsqueeze(-1)  # [B, T, 1]
        real = hidden_states.masked_fill(~mask, 0.0)  # a product with 0 would keep NaN and infinity
        return real.sum(1, keepdim=True) / mask.sum(1, keepdim=True)


@attrs.frozen
class Every(Readout):
    """Every position, each with an output of its own: for targets that are sequences."""

    @property
    def positions(self) -> None:
        return None

    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        return hidden_states


@attrs.frozen
class Flatten(Readout):
    """All ``length`` positions joined into one vector. Every sample has exactly that many."""

    length: int = attrs.field(validator=ge(1))

    @property
    def positions(self) -> int:
        return 1

    def pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        return hidden_states.flatten(1).unsqueeze(1)  # [B, 1, T * D]
