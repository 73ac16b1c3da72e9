"""What a backbone is: a spec that says what it is, and the module that it builds.

Nothing here imports torch: backbones are listed without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

if TYPE_CHECKING:
    from torch import Tensor

Group: TypeAlias = Literal[
    "input",
    "head",
    "layer_norm",
    "position",
    "attention",
    "mlp",
    "token_embedding",
    "lora",
    "bottleneck",
    "prompt",
]
"""The parameter groups. ``input`` and ``head`` are the task's, the last three what a policy adds to a
body; the rest are the body's."""

BODY_GROUPS: tuple[Group, ...] = ("layer_norm", "position", "attention", "mlp", "token_embedding")
ADDED_GROUPS: tuple[Group, ...] = ("lora", "bottleneck", "prompt")
GROUPS: tuple[Group, ...] = ("input", "head", *BODY_GROUPS, *ADDED_GROUPS)


@runtime_checkable
class Backbone(Protocol):
    """The module that a spec builds; ``nn.Module`` besides.

    One that is a stack of blocks may declare them, for ``--train last-block``: ``blocks() ->
    list[list[str]]``, the parameters' names of each block, from the input up. One whose blocks are
    made of sublayers may declare, for ``--train bottleneck``, ``sublayer_outputs() -> list[str]``: the
    linear layers that write to the residual stream, by name. One that attends may compute as
    ``attention_weights(inputs_embeds, attention_mask)``, for ``fpt attention``: the hidden states, and
    a list of each layer's weights ``[B, heads, T, T]``. One whose weights have token embeddings may
    declare ``token_embeddings() -> Tensor``, which reads them ``[V, D]``, for ``--align``. One that can
    compute its blocks again in the backward pass may be told so by ``checkpoint_gradients()``, for
    ``--gradient-checkpointing``. One that can spare itself what is not read out may compute
    ``read(inputs_embeds, attention_mask, positions)``: the hidden states ``[B, n, D]`` at positions
    ``[B, n]`` alone.

    Attributes:
        embed_dim: Width ``D`` of what goes in and comes out.
        max_length: The most positions ``T`` it takes.
        causal: Whether a position sees only those before it.
        source_digest: SHA-256 of its tensors as they were loaded or drawn
            (:func:`fpt_plugins.digest.digest`); adapters are matched to bodies by it.
    """

    embed_dim: int
    max_length: int
    causal: bool
    source_digest: str

    def parameter_groups(self) -> dict[str, list[str]]:
        """Every parameter's name under one of ``BODY_GROUPS``: disjoint, and summing to the whole.

        ``layer_norm`` is every norm of the residual stream, ``position`` every position table;
        a norm inside attention belongs to ``attention``.
        """
        ...

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` (true is real) to hidden states ``[B, T, D]``.

        Raises:
            ConfigurationError: ``T`` is more than ``max_length``.
        """
        ...


@attrs.frozen(kw_only=True)
class BackboneRequest:
    """What a run asks of a backbone.

    Args:
        init: One of the spec's ``inits``.
        init_seed: Seeds whatever is drawn, tensor by tensor.
        length: The longest sequence that will come; position rows beyond it are not held.
        dropout: Inside the body, while training.
        options: An instance of the spec's ``options``.
    """

    init: str
    init_seed: int
    length: int
    dropout: float
    options: Any


@attrs.frozen
class NoOptions:
    """A backbone without options."""


@attrs.frozen(kw_only=True)
class BackboneSpec:
    """A backbone by name: facts that can be listed, and the function that builds it.

    Args:
        name: What ``--backbone`` takes: ``gpt2``; an outsider's is ``plugin:name``.
        summary: One line.
        source: Where the weights come from; ``"-"`` where there are none.
        build: From this spec and a request to the module. Imports what it needs itself.
        embed_dim: Width; ``None`` where only the files tell.
        max_length: Positions of the pretrained table; ``None`` where there is no such limit.
        layers: Blocks.
        causal: Whether a position sees only those before it; ``None`` where only the files tell.
        inits: The initializations that it knows; the first is taken where none is asked for.
        revision: The pinned commit of the source.
        license: Of the weights.
        weights_sha256: Of the weights' file, checked before use.
        options: The attrs class of its options.
        missing: ``None`` where it can be built here, else the command that installs what is missing.
    """

    name: str
    summary: str
    source: str
    build: Callable[[BackboneSpec, BackboneRequest], Any]
    embed_dim: int | None = None
    max_length: int | None = None
    layers: int | None = None
    causal: bool | None = None
    inits: tuple[str, ...] = ("pretrained", "random")
    revision: str | None = None
    license: str | None = None
    weights_sha256: str | None = None
    options: type = NoOptions
    missing: Callable[[], str | None] = lambda: None


@attrs.frozen(kw_only=True)
class BackboneFamily:
    """Backbones that are named by a place: ``hf:PATH-OR-NAME``.

    Args:
        prefix: What stands before the colon.
        summary: One line.
        spec: From what stands after the colon to the spec.
    """

    prefix: str
    summary: str
    spec: Callable[[str], BackboneSpec]
