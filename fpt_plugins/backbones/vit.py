"""A vision transformer's blocks as a body for any sequence: without its patches and its class token.

As Lu et al. (2021) used it, it sees both ways and has a table of positions of its own that begins at
zero: positions of patches in an image mean nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import attrs
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.backbones.checkpoint import FileTensor, read_tensors, weight_files
from fpt_plugins.backbones.initialization import INITIALIZATIONS, Blank, Numbers
from fpt_plugins.backbones.positions import check_fits
from fpt_plugins.backbones.tensor_names import TensorNames
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.backbones.vision_builder import VisionBuilder

NAMES = TensorNames(
    prefix="",
    blocks="blocks",
    residual_outputs=("attn.proj.weight", "mlp.fc2.weight"),
    unused=(
        r"cls_token|reg_token|pos_embed",
        r"(patch_embed|attn_pool|head)\..*",
    ),
)


_PICTURES = ("patch_embed", "cls_token", "reg_token", "pos_embed", "attn_pool", "head")


class VisionBackbone(nn.Module):
    """timm's blocks with the norms before and after them.

    Args:
        model: timm's module; what serves pictures alone is taken from it.
        length: Rows of the table of positions.
    """

    causal = False

    def __init__(self, model: Any, length: int) -> None:
        super().__init__()
        self.embed_dim: int = model.embed_dim
        self.max_length = length
        self.source_digest = ""
        self._checkpoints = False
        for name in _PICTURES:
            setattr(model, name, None)
        self.model = model
        self.positions = nn.Embedding(length, self.embed_dim)

    def parameter_groups(self) -> dict[str, list[str]]:
        """Norms of the residual stream; a sublayer's gain (``LayerScale``) belongs to the sublayer."""
        model: Any = self.model
        blocks = model.blocks
        parts: dict[str, list[nn.Module]] = {
            "layer_norm": [
                *(norm for block in blocks for norm in (block.norm1, block.norm2)),
                model.norm_pre,
                model.norm,
                model.fc_norm,
            ],
            "position": [self.positions],
            "attention": [part for block in blocks for part in (block.attn, block.ls1)],
            "mlp": [part for block in blocks for part in (block.mlp, block.ls2)],
        }
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        return {g: [names[id(p)] for m in found for p in m.parameters()] for g, found in parts.items()}

    def blocks(self) -> list[list[str]]:
        """The names of the parameters of each block, from the input up."""
        blocks: Any = self.model.blocks
        return [
            [f"model.blocks.{number}.{name}" for name, _ in block.named_parameters()]
            for number, block in enumerate(blocks)
        ]

    def sublayer_outputs(self) -> list[str]:
        """The layers that write to the residual stream, before a sublayer's gain."""
        blocks: Any = self.model.blocks
        return [f"model.{name}" for number in range(len(blocks)) for name in NAMES.sublayer_outputs(number)]

    def checkpoint_gradients(self) -> None:
        """While training, each block keeps its input alone and computes the rest again going back."""
        self._checkpoints = True

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` (true is real) to hidden states ``[B, T, D]``.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        check_fits(inputs_embeds, self.max_length)
        length = inputs_embeds.shape[1]
        model: Any = self.model
        positions = self.positions(torch.arange(length, device=inputs_embeds.device))  # [T, D]
        hidden_states = model.norm_pre(model.pos_drop(inputs_embeds + positions))
        visible = attention_mask.bool()[:, None, None, :]  # [B, heads, queries, keys]
        for block in model.blocks:
            if self._checkpoints and self.training:
                hidden_states = checkpoint(block, hidden_states, attn_mask=visible, use_reentrant=False)
            else:
                hidden_states = block(hidden_states, attn_mask=visible)
        normed: Tensor = model.fc_norm(model.norm(hidden_states))  # either is nothing, by how timm pools
        return normed

    def attention_weights(self, inputs_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The hidden states, and of each block the weights of attention ``[B, heads, T, T]``."""
        with _recorded([block.attn for block in cast("Any", self.model.blocks)]) as weights:
            return self(inputs_embeds, attention_mask), weights


@contextmanager
def _recorded(attentions: list[Any]) -> Iterator[list[Tensor]]:
    """Attention without the fused kernel, and its weights as they go through their dropout."""
    weights: list[Tensor] = []
    fused = [attention.fused_attn for attention in attentions]
    handles = [
        attention.attn_drop.register_forward_hook(lambda _, inputs, __: weights.append(inputs[0]))
        for attention in attentions
    ]
    try:
        for attention in attentions:
            attention.fused_attn = False
        yield weights
    finally:
        for attention, handle, before in zip(attentions, handles, fused, strict=True):
            attention.fused_attn = before
            handle.remove()


@attrs.frozen
class _Vision:
    """A body without numbers, and the names by which its tensors are drawn and read."""

    body: VisionBackbone

    def tensors(self) -> dict[str, str]:
        """From the names of files to the module's: the table of positions is in no file."""
        return {NAMES.of_body(name): f"model.{name}" for name, _ in self.body.model.named_parameters()}

    def fill(self, numbers: Numbers) -> VisionBackbone:
        names = self.tensors()
        held = {names[name]: tensor for name, tensor in numbers.tensors.items()}
        rows = (self.body.max_length, self.body.embed_dim)
        held["positions.weight"] = next(iter(numbers.tensors.values())).new_zeros(rows)
        self.body.load_state_dict(held, assign=True)
        self.body.source_digest = numbers.source_digest
        return self.body.requires_grad_()


def build(builder: VisionBuilder, spec: BackboneSpec, request: BackboneRequest) -> VisionBackbone:
    """The filled body.

    Raises:
        ConfigurationError: More layers than there are, or an architecture that is no plain ViT.
        IntegrityError: A weights file that is not what it should be.
    """
    model = builder.empty_model(request.dropout)
    blocks, asked = len(model.blocks), request.options.layers
    if asked is not None and asked > blocks:
        raise ConfigurationError(f"layers={asked} asks for more than the {blocks} of {spec.name}")
    model.blocks = model.blocks[:asked]
    for block in model.blocks:
        block.attn.fused_attn = request.options.attention == "sdpa"
    with torch.device("meta"):  # filled below: nothing is drawn from the global generator
        made = _Vision(VisionBackbone(model, request.length))
    shapes = {name: tuple(made.body.get_parameter(own).shape) for name, own in made.tensors().items()}
    blank = Blank(
        names=NAMES,
        layers=blocks,
        shapes=shapes,
        seed=request.init_seed,
        scheme=request.options.scheme,
        read=lambda: _read(builder, spec, shapes, blocks),
    )
    return made.fill(INITIALIZATIONS[request.init](blank))


def _read(
    builder: VisionBuilder, spec: BackboneSpec, shapes: Mapping[str, tuple[int, ...]], blocks: int
) -> dict[str, FileTensor]:
    if builder.folder is None:
        raise ConfigurationError(f"{spec.name} has no pretrained weights")
    return read_tensors(weight_files(builder.folder()), NAMES, shapes, blocks)
