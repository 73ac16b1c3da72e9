"""How large a backbone is, without its weights."""

from __future__ import annotations

import attrs

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.backbones.builder import HuggingFaceBuilder

POSITIONS = 1024
"""Of a body whose table of positions has no size of its own."""


@attrs.frozen
class Measure:
    """The size of a body.

    Args:
        embed_dim: Width.
        parameters: Elements of each parameter group, the table of positions at its full size.
    """

    embed_dim: int
    parameters: dict[str, int]


def measure(spec: BackboneSpec) -> Measure:
    """The size of the body that a spec builds without options.

    A Hugging Face body is built on the meta device; another one is drawn at random.

    Args:
        spec: Of the backbone.

    Example:
        >>> from fpt_plugins.backbones.controls import ATTENTION_1
        >>> measure(ATTENTION_1).parameters["layer_norm"]  # two norms of width 768
        3072
    """
    init = "random" if "random" in spec.inits else spec.inits[0]
    length = spec.max_length or POSITIONS
    request = BackboneRequest(init=init, init_seed=0, length=length, dropout=0.0, options=spec.options())
    build = spec.build.outline if isinstance(spec.build, HuggingFaceBuilder) else spec.build
    body = build(spec, request)
    sizes = {name: parameter.numel() for name, parameter in body.named_parameters()}
    groups = body.parameter_groups()
    counts = {group: sum(sizes[name] for name in names) for group, names in groups.items() if names}
    return Measure(body.embed_dim, counts)
