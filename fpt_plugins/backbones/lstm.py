"""A recurrent body: the control for what attention does (Lu et al., 2021, section 3.3).

Its hidden state starts at zero in every sample: the paper's code drew it anew in each pass, at
evaluation too, which made its answers random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.initialization import DEVIATION, generator
from fpt_plugins.backbones.positions import check_fits, check_rows
from fpt_plugins.digest import digest

if TYPE_CHECKING:
    from fpt_plugins.backbones.controls import LSTMOptions

POSITIONS = "positions.weight"


class LSTMBackbone(nn.Module):
    """Layers of ``nn.LSTM`` from the first token to the last, with a norm after each.

    Args:
        options: Layers, width, residuals, positions.
        max_length: The longest sequence that will come.
        dropout: Before every layer, while training.
    """

    causal = True

    def __init__(self, options: LSTMOptions, max_length: int, dropout: float) -> None:
        super().__init__()
        self.embed_dim = options.width
        self.max_length = max_length
        self.residual = options.residual
        self.source_digest = ""
        self.positions = nn.Embedding(max_length, options.width) if options.positions else None
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.LSTM(options.width, options.width, batch_first=True) for _ in range(options.layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(options.width) for _ in range(options.layers))

    def parameter_groups(self) -> dict[str, list[str]]:
        """Norms, positions if there are any, and the recurrent layers as ``mlp``: there is no attention."""
        groups: dict[str, nn.Module] = {"layer_norm": self.norms, "mlp": self.layers}
        if self.positions is not None:
            groups["position"] = self.positions
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        return {g: [names[id(p)] for p in module.parameters()] for g, module in groups.items()}

    def blocks(self) -> list[list[str]]:
        """The names of the parameters of each layer and of the norm behind it, from the input up."""
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        return [
            [names[id(parameter)] for part in pair for parameter in part.parameters()]
            for pair in zip(self.layers, self.norms, strict=True)
        ]

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002 # as below
        """Embeddings ``[B, T, D]`` to hidden states ``[B, T, D]``.

        Padding is on the right, and a layer that reads from the left meets it after all that is real.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        check_fits(inputs_embeds, self.max_length)
        hidden_states = inputs_embeds
        if self.positions is not None:
            position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device)
            hidden_states = hidden_states + self.positions(position_ids)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            outputs, _ = layer(self.dropout(hidden_states))
            hidden_states = norm(outputs + hidden_states if self.residual else outputs)
        return hidden_states


def drawn_lstm(request: BackboneRequest) -> LSTMBackbone:
    """A random LSTM, each tensor drawn from the seed and its name alone.

    Raises:
        ConfigurationError: The sequences are longer than the table of positions that was asked for.
    """
    length = request.length
    check_rows(length, request.options.positions)
    with torch.device("meta"):
        body = LSTMBackbone(request.options, length, request.dropout)
    drawn = {name: _drawn(request, name, tuple(p.shape)) for name, p in body.named_parameters()}
    body.source_digest = digest(drawn)
    _fill(body.to_empty(device="cpu"), drawn)
    return body


def _drawn(request: BackboneRequest, name: str, shape: tuple[int, ...]) -> Tensor:
    """Recurrent layers uniform within 1 / sqrt(width), as torch does it; the rest as in every random body."""
    draw = generator(request.init_seed, name)
    if name == POSITIONS:
        return torch.from_numpy(
            draw.standard_normal((request.options.positions, shape[1]), dtype=np.float32) * DEVIATION
        )
    if name.startswith("norms."):
        return torch.full(shape, float(name.endswith(".weight")))
    bound = 1 / math.sqrt(request.options.width)
    return torch.from_numpy(draw.uniform(-bound, bound, shape).astype(np.float32))


@torch.no_grad()
def _fill(body: LSTMBackbone, drawn: Mapping[str, Tensor]) -> None:
    for name, parameter in body.named_parameters():
        parameter.copy_(drawn[name][: len(parameter)])
