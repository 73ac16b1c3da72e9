"""The frozen pretrained transformer: input embedding, frozen body, readout, output head."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from fpt_plugins.task import Task


class FrozenPretrainedTransformer(nn.Module):
    """A task's embedding and head around a body that stays as it was.

    Args:
        task: What is learned; its readout and target shape the outputs.
        input_embedding: Tokens to ``[B, T, D]``.
        backbone: ``[B, T, D]`` to ``[B, T, D]``; see :class:`fpt_plugins.Backbone`.
        output_head: Read-out hidden states ``[B, n, D]`` to outputs.

    Attributes:
        reads_positions: Whether the body is told which positions are read, and computes no others in
            its last block; for a body with a method ``read``.
    """

    def __init__(self, task: Task, input_embedding: nn.Module, backbone: Any, output_head: nn.Module) -> None:
        super().__init__()
        self.task = task
        self.input_embedding = input_embedding
        self.backbone = backbone
        self.output_head = output_head
        self.reads_positions = False

    def forward(self, tokens: Tensor, attention_mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Tokens ``[B, T]`` or ``[B, T, width]`` and mask ``[B, T]`` to the target's outputs ``[B, ...]``.

        Where ``features`` of these tokens are given, only the head computes.
        """
        read = self.features(tokens, attention_mask) if features is None else features
        with torch.autocast(read.device.type, enabled=False):  # a head is small, and trains in fp32
            outputs = self.task.target.shape(self.output_head(read.float()))
        return self.task.target.restore(outputs, tokens, attention_mask)

    def features(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """Tokens and mask, as above, to the hidden states that the head reads ``[B, n, D]``."""
        inputs_embeds = self.input_embedding(tokens)  # [B, T, D]
        positions = self.task.readout.index(attention_mask)  # [B, n]
        if self.reads_positions and positions is not None:
            read: Tensor = self.backbone.read(inputs_embeds, attention_mask, positions)
            return read
        hidden_states = self.backbone(inputs_embeds, attention_mask)  # [B, T, D]
        return self.task.readout.pool(hidden_states, attention_mask)


_entering = threading.Lock()
_inside: WeakKeyDictionary[nn.Module, tuple[int, bool]] = WeakKeyDictionary()
"""How many are evaluating a model, and whether it was training before the first."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Dropout off and no gradients inside; the model's mode is as it was after.

    Several threads may be inside at once: the last one out puts the mode back.
    """
    with _entering:
        count, was_training = _inside.get(model, (0, model.training))
        _inside[model] = count + 1, was_training
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        with _entering:
            count, was_training = _inside.pop(model)
            if count > 1:
                _inside[model] = count - 1, was_training
            else:
                model.train(was_training)
