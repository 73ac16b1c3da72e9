"""The function that a spec of a timm body holds, and its options. Imports timm when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs.validators import ge, optional

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.errors import ConfigurationError

SHAPING = frozenset(
    {
        "class_token",
        "depth",
        "embed_dim",
        "fc_norm",
        "final_norm",
        "global_pool",
        "img_size",
        "in_chans",
        "init_values",
        "mlp_ratio",
        "no_embed_class",
        "num_classes",
        "num_heads",
        "patch_size",
        "pre_norm",
        "proj_bias",
        "qk_norm",
        "qkv_bias",
        "reg_tokens",
    }
)
"""What a ``config.json`` may say of a ViT. Everything else that timm takes names files or code."""


@attrs.frozen(kw_only=True)
class VisionOptions:
    """Options of a timm body: ``--backbone-option NAME=VALUE``.

    Args:
        layers: The first so many blocks; ``None`` for all of them.
        attention: Which implementation computes it.
        scheme: How ``random`` draws.
    """

    layers: int | None = attrs.field(
        default=None, validator=optional(ge(0)), metadata={"help": "only the first so many blocks"}
    )
    attention: Literal["sdpa", "eager"] = attrs.field(
        default="sdpa", metadata={"help": "implementation of attention"}
    )
    scheme: Literal["gpt2-unscaled", "gpt2-scaled"] = attrs.field(
        default="gpt2-unscaled", metadata={"help": "random weights: N(0, 0.02), or scaled down by depth"}
    )


@attrs.frozen
class VisionBuilder:
    """Builds what timm calls by a name.

    Args:
        architecture: timm's name, without the tag of its weights.
        arguments: What ``config.json`` says of its shape, if there is one.
        folder: Finds the folder of the weights; ``None`` where there are none.
    """

    architecture: str
    arguments: Mapping[str, Any]
    folder: Callable[[], Path] | None = None

    def __call__(self, spec: BackboneSpec, request: BackboneRequest) -> Any:
        """The filled body: a :class:`fpt_plugins.backbones.vit.VisionBackbone`."""
        from fpt_plugins.backbones import vit

        return vit.build(self, spec, request)

    def empty_model(self, dropout: float = 0.0) -> Any:
        """The module as timm builds it, with its parameters on the meta device.

        Raises:
            ConfigurationError: It is no plain ViT, or its arguments are not known to us or to timm.
        """
        import timm
        import torch
        from timm.models.vision_transformer import Block, VisionTransformer

        if unknown := sorted(self.arguments.keys() - SHAPING):
            raise ConfigurationError(f"{self.architecture}: model_args {', '.join(unknown)} are not known")
        drops = {"pos_drop_rate": dropout, "proj_drop_rate": dropout, "attn_drop_rate": dropout}
        try:
            with torch.device("meta"):
                model = timm.create_model(self.architecture, pretrained=False, **{**self.arguments, **drops})
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise ConfigurationError(f"timm refuses {self.architecture}: {error}") from error
        if type(model) is not VisionTransformer or any(type(block) is not Block for block in model.blocks):
            raise ConfigurationError(
                f"{self.architecture} is a {type(model).__name__}, not a plain ViT",
                "take one whose name begins with vit_, such as timm:vit_base_patch16_224",
            )
        return model
