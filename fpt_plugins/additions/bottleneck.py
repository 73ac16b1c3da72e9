"""Bottleneck adapters, as Houlsby et al. (2019) put them after every sublayer.

They are our own: of peft 0.21's methods some change weights (LoRA and its kin), some scale or gate
(IA3), and those with a bottleneck of activations (SHADOW, adaption prompts) carry a state from block
to block or are attention over a prompt. None is a residual network after a frozen sublayer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
from attrs.validators import ge

from fpt_plugins.additions.addition import Addition
from fpt_plugins.backbone import Group
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.additions.extended_backbone import ExtendedBackbone


@attrs.frozen(kw_only=True)
class Bottleneck(Addition):
    """``y + up(gelu(down(y)))`` in place of what each sublayer adds to the residual stream, ``y``.

    ``up`` begins at zero: before the first step the body computes what it did.

    Args:
        width: Numbers that ``down`` leaves.

    Example:
        >>> Bottleneck(width=16).group
        'bottleneck'
    """

    group: ClassVar[Group] = "bottleneck"

    width: int = attrs.field(default=64, validator=ge(1), metadata={"help": "numbers in the bottleneck"})

    def add_to(self, extended: ExtendedBackbone) -> None:
        """Puts a layer around the last one of each sublayer."""
        from fpt_plugins.additions.bottleneck_layer import BottleneckLayer

        body = extended.body
        names = body.sublayer_outputs() if hasattr(body, "sublayer_outputs") else []
        if not names:
            raise ConfigurationError(
                f"--train bottleneck: the body {type(body).__name__} declares no sublayers",
                "a body declares them by a method sublayer_outputs(); train groups instead: --train fpt",
            )
        for name in names:
            layer = BottleneckLayer(body.get_submodule(name), body.embed_dim, self.width)
            body.set_submodule(name, layer)
