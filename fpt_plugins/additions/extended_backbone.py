"""A body with additions: a backbone like any other, whose new parameters stand in groups of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fpt_plugins.additions.addition import Addition
from fpt_plugins.backbone import Group
from fpt_plugins.streams import seeded, stream_seed


class ExtendedBackbone(nn.Module):
    """Keeps the contract of :class:`fpt_plugins.Backbone`, and the digest of the body as it was loaded.

    Args:
        body: The backbone; its modules may be replaced by such as hold them.
        additions: What is added, in this order.
        seed: What is added is drawn from it, each from a stream of its own.

    Raises:
        ConfigurationError: The body has no place for one of them.
    """

    def __init__(self, body: Any, additions: Iterable[Addition], seed: int) -> None:
        super().__init__()
        self.body = body
        self.prompt: nn.Module | None = None
        self.embed_dim: int = body.embed_dim
        self.causal: bool = body.causal
        self.source_digest: str = body.source_digest
        self.virtual_tokens = sum(addition.virtual_positions for addition in additions)
        self.max_length: int = body.max_length - self.virtual_tokens
        declared = {group: _identities(body, names) for group, names in body.parameter_groups().items()}
        blocks = [_identities(body, names) for names in body.blocks()] if hasattr(body, "blocks") else None
        for addition in additions:
            known = set(map(id, self.parameters()))
            with seeded(stream_seed(seed, "parameters", addition.group)):
                addition.add_to(self)
            declared[addition.group] = [id(p) for p in self.parameters() if id(p) not in known]
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        self._groups: Mapping[Group, list[str]] = {g: [names[i] for i in ids] for g, ids in declared.items()}
        # Optional parts of the contract: there where the body has them.
        if blocks is not None:
            named = [[names[identity] for identity in block] for block in blocks]
            self.blocks = lambda: named
        if hasattr(body, "attention_weights"):
            self.attention_weights = self._attention_weights
        if hasattr(body, "token_embeddings"):
            self.token_embeddings = body.token_embeddings
        if hasattr(body, "read"):
            self.read = self._read
        if hasattr(body, "checkpoint_gradients"):
            self.checkpoint_gradients = body.checkpoint_gradients

    def parameter_groups(self) -> dict[str, list[str]]:
        """The body's own groups, and one for each addition."""
        return {group: list(names) for group, names in self._groups.items()}

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` (true is real) to hidden states ``[B, T, D]``."""
        hidden_states: Tensor = self.body(*self._prompted(inputs_embeds, attention_mask))
        return hidden_states[:, self.virtual_tokens :]

    def _read(self, inputs_embeds: Tensor, attention_mask: Tensor, positions: Tensor) -> Tensor:
        """As the body's: positions are counted without the virtual tokens."""
        prompted = self._prompted(inputs_embeds, attention_mask)
        read: Tensor = self.body.read(*prompted, positions + self.virtual_tokens)
        return read

    def _attention_weights(
        self, inputs_embeds: Tensor, attention_mask: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As the body's, ``[B, heads, T, virtual tokens + T]``: a virtual token is seen and never asked."""
        hidden_states, weights = self.body.attention_weights(*self._prompted(inputs_embeds, attention_mask))
        own = slice(self.virtual_tokens, None)
        return hidden_states[:, own], [each[:, :, own] for each in weights]

    def _prompted(self, inputs_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """With the virtual tokens, if there are any, before each sample's own, all of them real."""
        if self.prompt is None:
            return inputs_embeds, attention_mask
        samples, number = len(inputs_embeds), self.virtual_tokens
        indices = torch.arange(number, device=inputs_embeds.device)
        virtual = self.prompt(indices).expand(samples, -1, -1).to(inputs_embeds.dtype)
        mask = torch.cat([attention_mask.new_ones(samples, number), attention_mask], dim=1)
        return torch.cat([virtual, inputs_embeds], dim=1), mask


def _identities(body: Any, names: Iterable[str]) -> list[int]:
    return [id(body.get_parameter(name)) for name in names]
