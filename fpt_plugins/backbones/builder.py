"""The function that a spec of a Hugging Face body holds. Imports torch when it is called, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.backbones.config_file import architecture_of
from fpt_plugins.backbones.inits import PRETRAINED_INITS, RUN
from fpt_plugins.backbones.shape import Shape
from fpt_plugins.backbones.transformer_options import TransformerOptions


@attrs.frozen
class HuggingFaceBuilder:
    """Builds what a configuration describes.

    Args:
        configuration: In the words of ``config.json``.
        folder: Finds the folder of the weights; ``None`` where there are none.
    """

    configuration: Mapping[str, Any]
    folder: Callable[[], Path] | None = None

    def __call__(self, spec: BackboneSpec, request: BackboneRequest) -> Any:
        """The filled body: a :class:`fpt_plugins.backbones.hugging_face.HuggingFaceBackbone`."""
        from fpt_plugins.backbones.construction import Construction, build

        return build(
            Construction(spec=spec, request=request, configuration=self.configuration, folder=self.folder)
        )

    def outline(self, spec: BackboneSpec, request: BackboneRequest) -> Any:
        """The same body with its parameters on the meta device: shapes and groups, no numbers."""
        from fpt_plugins.backbones.construction import Construction, outline

        return outline(
            Construction(spec=spec, request=request, configuration=self.configuration, folder=self.folder)
        )


def hugging_face_spec(
    name: str, configuration: Mapping[str, Any], folder: Callable[[], Path] | None, **facts: Any
) -> BackboneSpec:
    """A spec whose shape is what its configuration says.

    Args:
        name: What ``--backbone`` takes.
        configuration: In the words of ``config.json``.
        folder: Finds the folder of the weights; ``None`` where there are none.
        **facts: The spec's other fields: ``summary``, ``source``, ``revision``, ...
    """
    architecture = architecture_of(configuration, name)
    shape = Shape.read(architecture, configuration, name)
    return BackboneSpec(
        name=name,
        build=HuggingFaceBuilder(configuration, folder),
        embed_dim=shape.width,
        max_length=shape.positions and shape.positions - architecture.first_position,
        layers=shape.layers,
        causal=architecture.causal,
        inits=(*(("random",) if folder is None else PRETRAINED_INITS), RUN),
        options=TransformerOptions,
        **facts,
    )
