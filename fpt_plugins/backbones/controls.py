"""The controls: what no transformer does, or no body at all. Imports torch when they are built."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import ge

from fpt_plugins.backbone import BackboneRequest, BackboneSpec


@attrs.frozen(kw_only=True)
class NoBodyOptions:
    """Options of the control without a body.

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


def _build_no_body(spec: BackboneSpec, request: BackboneRequest) -> Any:  # noqa: ARG001 # the contract passes both
    from fpt_plugins.backbones.no_body import NoBody

    return NoBody(request.options.width, request.length)


def _build_lstm(spec: BackboneSpec, request: BackboneRequest) -> Any:  # noqa: ARG001 # the contract passes both
    from fpt_plugins.backbones.lstm import drawn_lstm

    return drawn_lstm(request)


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
