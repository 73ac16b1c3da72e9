"""The controls: what no transformer does, or no body at all. Imports torch when they are built."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import ge

from fpt_plugins.backbone import BackboneRequest, BackboneSpec


@attrs.frozen(kw_only=True)
class NoBodyOptions:
    """Options of the controls without a transformer.

    Args:
        width: Of the embeddings.
    """

    width: int = attrs.field(default=768, validator=ge(1), metadata={"help": "of the embeddings"})


@attrs.frozen(kw_only=True)
class LSTMOptions:
    """Options of the recurrent body. Lu et al. (2021) took 3 layers, and 12 with residuals and positions.

    Args:
        layers: How many.
        width: Of the embeddings and of every layer.
        residual: Whether a layer's input is added to its output.
        positions: Rows of a table of positions that is added to the embeddings; 0 for none.
    """

    layers: int = attrs.field(default=3, validator=ge(1), metadata={"help": "how many"})
    width: int = attrs.field(default=768, validator=ge(1), metadata={"help": "of every layer"})
    residual: bool = attrs.field(default=False, metadata={"help": "add each layer's input to its output"})
    positions: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "rows of a table of positions; 0 for none"}
    )


@attrs.frozen(kw_only=True)
class BlockOptions:
    """Options of the one random layer or block. Its shape is GPT-2's own unless said otherwise.

    Args:
        width: Of the embeddings.
        heads: Of attention; they divide the width.
        positions: Rows of a table of positions that is added to the embeddings; 0 for none.
        causal: Whether a position sees only those before it.
    """

    width: int = attrs.field(default=768, validator=ge(1), metadata={"help": "of the embeddings"})
    heads: int = attrs.field(default=12, validator=ge(1), metadata={"help": "of attention"})
    positions: int = attrs.field(
        default=1024, validator=ge(0), metadata={"help": "rows of a table of positions; 0 for none"}
    )
    causal: bool = attrs.field(default=True, metadata={"help": "see only earlier positions"})


def _build_no_body(spec: BackboneSpec, request: BackboneRequest) -> Any:  # noqa: ARG001 # the contract passes both
    from fpt_plugins.backbones.no_body import NoBody

    return NoBody(request.options.width, request.length)


def _build_linear(spec: BackboneSpec, request: BackboneRequest) -> Any:  # noqa: ARG001 # the contract passes both
    from fpt_plugins.backbones.linear import drawn_linear

    return drawn_linear(request)


def _build_lstm(spec: BackboneSpec, request: BackboneRequest) -> Any:  # noqa: ARG001 # the contract passes both
    from fpt_plugins.backbones.lstm import drawn_lstm

    return drawn_lstm(request)


def _build_attention(spec: BackboneSpec, request: BackboneRequest) -> Any:
    from fpt_plugins.backbones.block import drawn_block

    return drawn_block(spec.name, request, feed_forward=False)


def _build_block(spec: BackboneSpec, request: BackboneRequest) -> Any:
    from fpt_plugins.backbones.block import drawn_block

    return drawn_block(spec.name, request, feed_forward=True)


NONE = BackboneSpec(
    name="none",
    summary="no body: what the input embedding and the head do alone",
    source="-",
    build=_build_no_body,
    layers=0,
    causal=True,
    inits=("random",),
    options=NoBodyOptions,
)

LINEAR = BackboneSpec(
    name="linear",
    summary="one linear map over positions: with --train full, a linear probe on the raw input",
    source="-",
    build=_build_linear,
    layers=0,
    causal=False,
    inits=("random",),
    options=NoBodyOptions,
)

LSTM = BackboneSpec(
    name="lstm",
    summary="layers of LSTM with a norm after each, never trained: a body without attention",
    source="-",
    build=_build_lstm,
    layers=LSTMOptions().layers,
    causal=True,
    inits=("random",),
    options=LSTMOptions,
)

ATTENTION_1 = BackboneSpec(
    name="attention-1",
    summary="one layer of attention, never trained: what mixing positions at random does",
    source="-",
    build=_build_attention,
    layers=1,
    causal=True,
    inits=("random",),
    options=BlockOptions,
)

BLOCK_1 = BackboneSpec(
    name="block-1",
    summary="one transformer block, never trained: what depth and pretraining must beat",
    source="-",
    build=_build_block,
    layers=1,
    causal=True,
    inits=("random",),
    options=BlockOptions,
)
