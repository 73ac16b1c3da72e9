"""The layer of a bottleneck adapter."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BottleneckLayer(nn.Module):
    """A frozen layer, and behind it a residual network of two thin ones.

    Args:
        base_layer: Whose output ``[..., D]`` is refined.
        embed_dim: ``D``.
        width: Between the two.
    """

    def __init__(self, base_layer: nn.Module, embed_dim: int, width: int) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.down = nn.Linear(embed_dim, width)
        self.up = nn.Linear(width, embed_dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    @property
    def weight(self) -> Tensor:
        """Of the frozen layer: T5 asks it for its type."""
        weight: Tensor = self.base_layer.weight  # type: ignore[assignment] # a linear layer has one
        return weight

    def forward(self, hidden_states: Tensor) -> Tensor:
        """The frozen layer's inputs to its refined outputs ``[..., D]``."""
        outputs: Tensor = self.base_layer(hidden_states)
        refined: Tensor = self.up(functional.gelu(self.down(outputs)))
        return outputs + refined
