"""The hook through which the core provides its own backbones. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from fpt_plugins.backbone import BackboneFamily, BackboneSpec
from fpt_plugins.hookspecs import hookimpl


@hookimpl
def fpt_backbones() -> Sequence[BackboneSpec | BackboneFamily]:
    """The GPT-2 sizes, MiniLM, the controls, any Hugging Face folder or repository, timm's ViTs."""
    from fpt_plugins.backbones.catalog import BACKBONES

    return BACKBONES
