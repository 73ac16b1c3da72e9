"""How many parameters each group of a backbone has, without its weights."""

from __future__ import annotations

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.backbones.builder import HuggingFaceBuilder

POSITIONS = 1024
"""Of a body whose table of positions has no size of its own."""


def parameters_per_group(spec: BackboneSpec) -> dict[str, int]:
    """Elements of each parameter group, the table of positions at its full size.

    A Hugging Face body is built on the meta device; another one as its last initialization without
    a file draws it.

    Args:
        spec: Of the backbone, taken without options.

    Example:
        >>> from fpt_plugins.backbones.controls import ATTENTION_1
        >>> parameters_per_group(ATTENTION_1)["layer_norm"]  # two norms of width 768
        3072
    """
    init = "random" if "random" in spec.inits else spec.inits[0]
    request = BackboneRequest(
        init=init, init_seed=0, length=spec.max_length or POSITIONS, dropout=0.0, options=spec.options()
    )
    build = spec.build.outline if isinstance(spec.build, HuggingFaceBuilder) else spec.build
    body = build(spec, request)
    sizes = {name: parameter.numel() for name, parameter in body.named_parameters()}
    groups = body.parameter_groups()
    return {group: sum(sizes[name] for name in names) for group, names in groups.items() if names}
