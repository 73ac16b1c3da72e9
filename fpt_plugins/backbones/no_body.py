"""``none``: no body at all, the control that shows what the input embedding and the head do alone."""

from __future__ import annotations

from torch import Tensor, nn

from fpt_plugins.backbones.positions import check_fits
from fpt_plugins.digest import digest


class NoBody(nn.Module):
    """Hidden states are the embeddings: no parameters, nothing mixes positions.

    Args:
        embed_dim: Width ``D``.
        max_length: The longest sequence that will come.
    """

    causal = True  # a position sees only itself

    def __init__(self, embed_dim: int, max_length: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.max_length = max_length
        self.source_digest = digest({})

    def parameter_groups(self) -> dict[str, list[str]]:
        """No parameters, so no groups."""
        return {}

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002 # of the contract
        """Embeddings ``[B, T, D]`` as they are; the mask ``[B, T]`` has nothing to hide.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        check_fits(inputs_embeds, self.max_length)
        return inputs_embeds
