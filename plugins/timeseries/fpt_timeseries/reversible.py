"""Reversible instance normalization (Kim et al., ICLR 2022): out of a window, back into its forecast.

Without the paper's affine map: with one channel per sample it is a factor and an offset, which the
linear maps before and after the body hold already. ``B`` windows of ``T`` patches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GAIN = 1.41
"""Of the orthogonal map, as the core's embedding of vectors has it."""


def windows(tokens: Tensor, stride: int) -> Tensor:
    """Patches ``[B, T, patch]`` that overlap joined again, ``[B, (T - 1) * stride + patch]``."""
    return torch.cat([tokens[:, :-1, :stride].flatten(1), tokens[:, -1]], dim=1)


def moments(tokens: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each window, both ``[B, 1]``; the deviation of a constant window is 1.

    There is no small number under the root: a window in other units gives the same network
    the same input, and the forecast comes out in these units.
    """
    values = windows(tokens, stride)
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    mean = values.mean(1, keepdim=True)
    deviation = (values - mean).square().mean(1, keepdim=True).sqrt()
    return mean, torch.where(deviation > 0, deviation, 1.0)


class NormalizedPatches(nn.Module):
    """Patches ``[B, T, patch]`` in any units to ``[B, T, embed_dim]``, by an orthogonal linear map.

    Args:
        patch: Values per token.
        stride: Values from the beginning of a patch to that of the next.
        embed_dim: The body's width.
    """

    def __init__(self, patch: int, stride: int, embed_dim: int) -> None:
        super().__init__()
        self.stride = stride
        self.linear = nn.Linear(patch, embed_dim)
        nn.init.orthogonal_(self.linear.weight, gain=GAIN)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Each window less its mean, over its deviation, patch by patch through the map."""
        mean, deviation = moments(tokens, self.stride)
        normalized = (tokens - mean.unsqueeze(2)) / deviation.unsqueeze(2)
        embedded: Tensor = self.linear(normalized.to(tokens.dtype))
        return embedded
