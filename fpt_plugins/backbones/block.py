"""One random layer of attention, or one random block: controls for depth and for what was learned.

Tan et al. (2024, "Are Language Models Actually Useful for Time Series Forecasting?") found that
either in the place of a pretrained body often does as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.initialization import Blank, random
from fpt_plugins.backbones.positions import check_fits, check_rows
from fpt_plugins.backbones.tensor_names import TensorNames
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.backbones.controls import BlockOptions

POSITIONS = "positions.weight"
_NAMES = TensorNames(prefix="", blocks="", residual_outputs=(), unused=())


class BlockBackbone(nn.Module):
    """GPT-2's block out of PyTorch's own modules, the norm before each sublayer and one at the end.

    Args:
        options: Width, heads, positions, direction.
        max_length: The longest sequence that will come.
        dropout: After positions, within attention and after each sublayer, while training.
        feed_forward: Whether attention is followed by two linear layers and a GELU between them.
    """

    def __init__(self, options: BlockOptions, max_length: int, dropout: float, *, feed_forward: bool) -> None:
        super().__init__()
        width = options.width
        self.embed_dim = width
        self.max_length = max_length
        self.causal: bool = options.causal
        self.source_digest = ""
        self.positions = nn.Embedding(max_length, width) if options.positions else None
        self.dropout = nn.Dropout(dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, options.heads, dropout, batch_first=True)
        self.mlp_norm = nn.LayerNorm(width) if feed_forward else None
        self.mlp = (
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            if feed_forward
            else None
        )
        self.last_norm = nn.LayerNorm(width)

    def parameter_groups(self) -> dict[str, list[str]]:
        """Norms, attention, and where they are there positions and the feed-forward layers."""
        parts: dict[str, list[nn.Module | None]] = {
            "layer_norm": [self.attention_norm, self.mlp_norm, self.last_norm],
            "position": [self.positions],
            "attention": [self.attention],
            "mlp": [self.mlp],
        }
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        groups = {g: [names[id(p)] for m in found if m for p in m.parameters()] for g, found in parts.items()}
        return {group: found for group, found in groups.items() if found}

    def blocks(self) -> list[list[str]]:
        """The names of the parameters of the one block: all but positions and the last norm."""
        around = ("positions.", "last_norm.")
        return [[name for name, _ in self.named_parameters() if not name.startswith(around)]]

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` (true is real) to hidden states ``[B, T, D]``.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        return self._compute(inputs_embeds, attention_mask, weighted=False)[0]

    def attention_weights(self, inputs_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The hidden states, and of the one layer the weights of attention ``[B, heads, T, T]``."""
        hidden_states, weights = self._compute(inputs_embeds, attention_mask, weighted=True)
        return hidden_states, [weights]

    def _compute(
        self, inputs_embeds: Tensor, attention_mask: Tensor, *, weighted: bool
    ) -> tuple[Tensor, Tensor]:
        check_fits(inputs_embeds, self.max_length)
        hidden_states = inputs_embeds
        if self.positions is not None:
            position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device)
            hidden_states = hidden_states + self.positions(position_ids)
        hidden_states = self.dropout(hidden_states)
        attended, weights = self._attend(
            self.attention_norm(hidden_states), attention_mask, weighted=weighted
        )
        hidden_states = hidden_states + self.dropout(attended)
        if self.mlp is not None and self.mlp_norm is not None:
            hidden_states = hidden_states + self.dropout(self.mlp(self.mlp_norm(hidden_states)))
        return self.last_norm(hidden_states), weights

    def _attend(
        self, hidden_states: Tensor, attention_mask: Tensor, *, weighted: bool
    ) -> tuple[Tensor, Tensor]:
        """What attention adds, and where it is asked for its weights: PyTorch computes otherwise then."""
        length, device = hidden_states.shape[1], hidden_states.device
        later = torch.ones(length, length, dtype=torch.bool, device=device).triu(1) if self.causal else None
        attended: tuple[Tensor, Tensor] = self.attention(
            hidden_states,
            hidden_states,
            hidden_states,
            key_padding_mask=~attention_mask.bool(),
            attn_mask=later,
            need_weights=weighted,
            average_attn_weights=False,
        )
        return attended


def drawn_block(name: str, request: BackboneRequest, *, feed_forward: bool) -> BlockBackbone:
    """A random layer or block, each tensor drawn from the seed and its name alone.

    Raises:
        ConfigurationError: Sequences longer than the positions, or heads that do not divide the width.
    """
    options = request.options
    if options.width % options.heads:
        raise ConfigurationError(
            f"{name}: a width of {options.width} cannot be divided among {options.heads} heads"
        )
    check_rows(request.length, options.positions)
    with torch.device("meta"):
        body = BlockBackbone(options, request.length, request.dropout, feed_forward=feed_forward)
    numbers = random(_blank(body, request))
    body.source_digest = numbers.source_digest
    body.load_state_dict(_held(numbers.tensors, request.length), assign=True)
    return body.requires_grad_()


def _blank(body: BlockBackbone, request: BackboneRequest) -> Blank:
    """What is drawn: the table of positions whole, so that the body's digest knows no length."""
    shapes = {name: tuple(parameter.shape) for name, parameter in body.named_parameters()}
    if POSITIONS in shapes:
        shapes[POSITIONS] = (request.options.positions, body.embed_dim)
    return Blank(
        names=_NAMES, layers=1, shapes=shapes, seed=request.init_seed, scheme="gpt2-unscaled", read=dict
    )


def _held(tensors: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
    return {
        name: tensor[:length].clone() if name == POSITIONS else tensor for name, tensor in tensors.items()
    }
