"""The options that every transformer body takes."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, optional


@attrs.frozen(kw_only=True)
class TransformerOptions:
    """Options of a Hugging Face body: ``--backbone-option NAME=VALUE``.

    Args:
        layers: The first so many blocks; ``None`` for all of them.
        max_length: Positions; ``None`` for the pretrained table's.
        extension: How a table is made longer than it was trained.
        causal: Whether a position sees only those before it; ``None`` for the architecture's own way.
        attention: ``auto`` is whatever is fast for the device and the length, ``sdpa`` PyTorch's own;
            ``eager`` also yields its weights.
        scheme: How ``random`` draws.

    Example:
        >>> TransformerOptions(layers=6).layers
        6
    """

    layers: int | None = attrs.field(
        default=None, validator=optional(ge(0)), metadata={"help": "only the first so many blocks"}
    )
    max_length: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata={"help": "positions, also beyond the pretrained table"},
    )
    extension: Literal["tile"] = attrs.field(
        default="tile", metadata={"help": "rows beyond the table: tile repeats it, as Longformer did"}
    )
    causal: bool | None = attrs.field(
        default=None, metadata={"help": "see only earlier positions; none is the architecture's own way"}
    )
    attention: Literal["auto", "sdpa", "eager"] = attrs.field(
        default="auto",
        metadata={"help": "auto: what is fast here; sdpa: PyTorch's own; eager: the library's, with weights"},
    )
    scheme: Literal["gpt2-unscaled", "gpt2-scaled"] = attrs.field(
        default="gpt2-unscaled", metadata={"help": "random weights: N(0, 0.02), or scaled down by depth"}
    )
