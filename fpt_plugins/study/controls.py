"""The arms that every study has, and why one is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from fpt_plugins.backbone import BackboneSpec
from fpt_plugins.configuration import Configuration
from fpt_plugins.plugins import find_backbone
from fpt_plugins.study.definition import CONTROLS, NamedArm, Study


@attrs.frozen
class Controls:
    """What joins a study by itself.

    Args:
        arms: The controls that it has.
        left_out: The reason by the name of each that it has not.
    """

    arms: tuple[NamedArm, ...]
    left_out: Mapping[str, str]


def controls_of(study: Study) -> Controls:
    """The controls around the study's own body: that of its settings, else the first of its axis."""
    name = study.settings.get("backbone") or next(iter(study.axes.get("backbone", ())), None)
    spec = find_backbone(str(name or attrs.fields_dict(Configuration)["backbone"].default))
    left_out = {**_impossible(spec), **study.leave_out}
    arms = tuple(
        NamedArm(name=name, settings=_settings(name, spec), control=name)
        for name in CONTROLS
        if name not in left_out
    )
    return Controls(arms, left_out)


def _impossible(spec: BackboneSpec) -> dict[str, str]:
    return {
        init: f"{spec.name} has no initialization {init}"
        for init in ("random", "statistics")
        if init not in spec.inits
    }


def _settings(control: str, spec: BackboneSpec) -> dict[str, Any]:
    width = {} if spec.embed_dim is None else {"width": spec.embed_dim}
    of: dict[str, dict[str, Any]] = {
        "none": {"backbone": "none", "backbone_options": width, "train": "fpt"},
        "random": {"init": "random"},
        "statistics": {"init": "statistics"},
        "linear-probe": {"backbone": "linear", "backbone_options": width, "train": "full"},
        "full": {"train": "full"},
    }
    return of[control]
