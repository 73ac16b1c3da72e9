"""``timm:PLACE``: any plain ViT that timm knows by name, or a folder that timm saved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fpt_plugins.backbone import BackboneSpec
from fpt_plugins.backbones.config_file import read_json
from fpt_plugins.backbones.hub import snapshot
from fpt_plugins.backbones.inits import PRETRAINED_INITS
from fpt_plugins.backbones.vision_builder import VisionBuilder, VisionOptions
from fpt_plugins.errors import ConfigurationError, UnknownName


def spec_of_vision(place: str) -> BackboneSpec:
    """The backbone in a folder, or of a name: ``NAME`` or ``NAME@REVISION``, the name as timm says it.

    An unpinned name is resolved to its commit now, and the spec's name holds it. Where there is neither a
    network nor a filled cache, the name stays unpinned: ``random`` needs no more.

    Raises:
        UnknownName: Neither a folder nor one of timm's names.
        ConfigurationError: It is no plain ViT.
    """
    if Path(place).expanduser().is_dir():
        return _spec_of_folder(place)
    name, _, revision = place.partition("@")
    return _spec_of_name(name, revision or None)


def _spec_of_folder(place: str) -> BackboneSpec:
    folder = Path(place).expanduser()
    configuration = read_json(folder / "config.json")
    name, arguments = configuration.get("architecture"), configuration.get("model_args", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ConfigurationError(f"{folder / 'config.json'} names no architecture of timm")
    _check_name(name)
    arguments = {**arguments, "num_classes": 0}
    builder = VisionBuilder(name, arguments, functools.partial(Path, folder))
    return _spec(f"timm:{place}", builder, summary="a folder that timm saved", source=place)


def _spec_of_name(name: str, revision: str | None) -> BackboneSpec:
    import timm

    _check_name(name)
    facts: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    repository: str | None = facts and facts.hf_hub_id
    if repository is None:
        return _spec(f"timm:{name}", VisionBuilder(name, {"num_classes": 0}), summary="a ViT", source="-")
    commit = revision or _commit(repository)
    folder: Callable[[], Path] = functools.partial(snapshot, repository, commit)
    return _spec(
        f"timm:{name}@{commit}" if commit else f"timm:{name}",
        VisionBuilder(name, {"num_classes": 0}, folder),
        summary="a ViT of timm's",
        source=repository,
        revision=commit,
        license=facts.license,
    )


def _commit(repository: str) -> str | None:
    try:
        return snapshot(repository, None, ("config.json",)).name  # the cache's layout: snapshots/COMMIT
    except ConfigurationError:
        return None


def _check_name(name: str) -> None:
    import timm

    if not timm.is_model(name.partition(".")[0]):
        raise UnknownName("architecture of timm", name, timm.list_models("vit_*"))


def _spec(name: str, builder: VisionBuilder, **facts: Any) -> BackboneSpec:
    model = builder.empty_model()
    return BackboneSpec(
        name=name,
        build=builder,
        embed_dim=model.embed_dim,
        layers=len(model.blocks),
        causal=False,
        inits=("random",) if builder.folder is None else PRETRAINED_INITS,
        options=VisionOptions,
        **facts,
    )
