"""A Hugging Face body: the library's own module and forward pass between embeddings and hidden states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.last_block import seen_from, taken, without_last_block
from fpt_plugins.backbones.positions import check_fits


class HuggingFaceBackbone(nn.Module):
    """A frozen body's module.

    Args:
        model: The library's module, without its token embeddings.
        architecture: Says which submodules form which parameter group.
        max_length: Positions that will come; rows of the table of positions, if there is one.
        causal: Whether a position sees only those before it.
        source_digest: SHA-256 of the tensors as loaded or drawn.
        token_embeddings: Reads the pretrained token embeddings ``[V, D]``, which the body does not hold.
    """

    def __init__(  # noqa: PLR0913 # what is known of one body, by keyword
        self,
        model: Any,
        architecture: Architecture,
        *,
        max_length: int,
        causal: bool,
        source_digest: str,
        token_embeddings: Callable[[], Tensor],
    ) -> None:
        super().__init__()
        self.model = model
        self.architecture = architecture
        self.embed_dim: int = model.config.hidden_size
        self.max_length = max_length
        self.causal = causal
        self.source_digest = source_digest
        self.token_embeddings = token_embeddings

    def parameter_groups(self) -> dict[str, list[str]]:
        """The names of the parameters of each group, as the architecture declares them."""
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        groups = self.architecture.parameter_groups(self.model)
        return {
            group: [names[id(parameter)] for module in modules for parameter in module.parameters()]
            for group, modules in groups.items()
        }

    def blocks(self) -> list[list[str]]:
        """The names of the parameters of each block, from the input up."""
        path = self.architecture.tensor_names.blocks
        blocks: Any = self.model.get_submodule(path)
        return [
            [f"model.{path}.{number}.{name}" for name, _ in block.named_parameters()]
            for number, block in enumerate(blocks)
        ]

    def sublayer_outputs(self) -> list[str]:
        """The layers that write to the residual stream, as the architecture names them."""
        names = self.architecture.tensor_names
        blocks: Any = self.model.get_submodule(names.blocks)
        return [f"model.{name}" for number in range(len(blocks)) for name in names.sublayer_outputs(number)]

    def checkpoint_gradients(self) -> None:
        """While training, each block keeps its input alone and computes the rest again going back."""
        from transformers.utils import logging

        name = "activation_checkpointing_enable"  # in older versions of transformers, gradient_...
        enable = getattr(self.model, name, None) or self.model.gradient_checkpointing_enable
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # it warns that there are no token embeddings, which is so
        try:
            enable({"use_reentrant": False})
        finally:
            logging.set_verbosity(verbosity)

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` (true is real) to hidden states ``[B, T, D]``.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        return self.architecture.call(self.model, *self._inputs(inputs_embeds, attention_mask))

    def read(self, inputs_embeds: Tensor, attention_mask: Tensor, positions: Tensor) -> Tensor:
        """The hidden states ``[B, n, D]`` at ``positions`` ``[B, n]``; inputs and errors as above."""
        blocks, last = self.architecture.tensor_names.blocks, self.architecture.last_block
        stack: Any = self.model.get_submodule(blocks)
        if last is None or not len(stack) or self.model.config._attn_implementation == "eager":  # noqa: SLF001
            return taken(self(inputs_embeds, attention_mask), positions)
        below = without_last_block(self.model, blocks, last.norm)
        hidden_states = self.architecture.call(below, *self._inputs(inputs_embeds, attention_mask))
        seen = seen_from(positions, attention_mask, causal=self.causal)
        outputs = last.compute(stack[-1], hidden_states, positions, seen)
        return outputs if last.norm is None else self.model.get_submodule(last.norm)(outputs)

    def _inputs(self, inputs_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """With the ids of the positions ``[1, T]``."""
        check_fits(inputs_embeds, self.max_length)
        position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device).unsqueeze(0)
        return inputs_embeds, attention_mask, position_ids

    def attention_weights(self, inputs_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The hidden states, and of each block the weights of attention ``[B, heads, T, T]``."""
        length = inputs_embeds.shape[1]
        with self.architecture.recorded(self.model) as weights:
            hidden_states = self(inputs_embeds, attention_mask)
        return hidden_states, [each[..., :length, :length] for each in weights]
