"""``linear``: one linear map over positions.

With its embedding and its head trained, a linear probe on the raw input.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.initialization import generator
from fpt_plugins.backbones.positions import check_fits
from fpt_plugins.digest import digest


class LinearBody(nn.Module):
    """Each hidden state is a weighted sum of all embeddings: a weight per distance and channel.

    The whole model is then linear in its input, whatever trains. For a target that is read at one
    position of sequences of one length it can be any linear map whose rank over channels is at most
    ``D``; several positions share it, each seeing the input from its own place.

    Args:
        kernel: The weights ``[2 * max_length - 1, D]``, the distance 0 in the middle.
    """

    causal = False

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.max_length, self.embed_dim = (len(kernel) + 1) // 2, kernel.shape[1]
        self.source_digest = digest({"kernel": kernel})
        self.kernel = nn.Parameter(kernel)

    def parameter_groups(self) -> dict[str, list[str]]:
        """The weights stand for ``attention``: they are what mixes positions."""
        return {"attention": ["kernel"]}

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` to sums over the real positions ``[B, T, D]``.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        check_fits(inputs_embeds, self.max_length)
        length = inputs_embeds.shape[1]
        real = inputs_embeds.float() * attention_mask.unsqueeze(-1)
        near = self.kernel.float()[self.max_length - length : self.max_length + length - 1]  # [2T - 1, D]
        size = 3 * length - 2  # of the whole convolution: nothing wraps around
        product = torch.fft.rfft(real, size, dim=1) * torch.fft.rfft(near, size, dim=0)
        sums: Tensor = torch.fft.irfft(product, size, dim=1)[:, length - 1 : 2 * length - 1]
        return sums.to(inputs_embeds.dtype)


def drawn_linear(request: BackboneRequest) -> LinearBody:
    """Weights from a normal distribution, such that hidden states are as large as embeddings."""
    rows, width = 2 * request.length - 1, request.options.width
    numbers = generator(request.init_seed, "kernel").standard_normal((rows, width), dtype="float32")
    return LinearBody(torch.from_numpy(numbers) / math.sqrt(request.length))
