"""From an adapter to the arm that it was trained as, checked to be the one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins.adapter_files import WEIGHTS, find_adapter, read_description, read_weights
from fpt_plugins.arm import Arm, assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError
from fpt_plugins.tensor_file import most_bytes, read_tensors
from fpt_plugins.trained_tensors import put_tensors, trained_parameters

_FOLDER_FAMILIES = ("hf", "timm")


def load(
    place: str | Path,
    *,
    backbone: str | None = None,
    device: str = "auto",
    precision: str | None = None,
    data: Path | None = None,
) -> Arm:
    """A trained arm, ready to predict.

    Args:
        place: A run's or an adapter's folder, or ``hf:NAME@REVISION`` on the Hugging Face hub.
        backbone: Where the body is now, if not where it was: ``hf:FOLDER``, ``timm:FOLDER``. Its digest
            decides.
        device: Where it shall compute.
        precision: The type it shall compute in; that of the training where it is not given.
        data: Where data files are, for what needs them.

    Raises:
        IntegrityError: A file is damaged, or the body is not the one that it was trained on.
        UnknownName: The task's plugin or the backbone is not installed.

    Example:
        >>> load("runs/xor").predict([[0, 1, 0, 1, 0, 1, 1, 0, 0, 1]])  # doctest: +SKIP
        [{'bits': '00000'}]
    """
    folder = find_adapter(place)
    description = read_description(folder)
    configuration = stored_configuration(
        description, backbone=backbone, device=device, precision=precision, data=data
    )
    try:
        arm = assemble(configuration)
    except ConfigurationError as error:
        raise ConfigurationError(f"the adapter {folder}: {error.message}", error.remedy) from error
    return fill(arm, folder, description)


def fill(arm: Arm, folder: Path, description: Mapping[str, Any]) -> Arm:
    """The arm with an adapter's tensors in it, ready to predict.

    Args:
        arm: Untrained, assembled from the adapter's configuration.
        folder: The adapter's own.
        description: What its ``adapter.json`` says.

    Raises:
        IntegrityError: The weights are damaged, or the body or a plugin is not the adapter's.
    """
    _check_plugins(description, arm, folder)
    _check_body(description, arm, folder)
    content = read_weights(folder, description, most_bytes(trained_parameters(arm)))
    put_tensors(arm, read_tensors(content, folder / WEIGHTS), folder)
    arm.model.eval()
    return arm


def stored_configuration(
    description: Mapping[str, Any],
    *,
    backbone: str | None,
    device: str,
    precision: str | None,
    data: Path | None,
) -> Configuration:
    """The settings of an adapter's training, with where it shall compute; arguments as for :func:`load`.

    Raises:
        FptError: Its body was in a folder that is not here.
    """
    stored = Configuration.from_json(description["configuration"])
    return attrs.evolve(
        stored,
        backbone=backbone or _present(stored.backbone, description["backbone"]),
        device=device,
        precision=precision or stored.precision,
        data=data,
    )


def _present(name: str, backbone: Mapping[str, Any]) -> str:
    """The backbone's name, unless it names a folder that is not here: nobody on a hub is asked for it."""
    family, _, place = name.partition(":")
    folder = Path(place).expanduser()
    if family in _FOLDER_FAMILIES and place == backbone["source"] and not folder.is_dir():
        digest = backbone["source_digest"][:16]
        raise FptError(
            f"the body of this adapter was in the folder {folder}, which is not here",
            f"say where it is: --backbone {family}:FOLDER (source digest {digest}...)",
        )
    return name


def _check_plugins(description: Mapping[str, Any], arm: Arm, folder: Path) -> None:
    for name, written in description["plugins"].items():
        found = arm.versions.get(name)
        if found is None:
            raise IntegrityError(f"{folder} names the plugin {name}, which its task and body do not use")
        if found["distribution"] != written["distribution"]:
            raise IntegrityError(
                f"the plugin {name} comes from {found['distribution']} {found['version']} here; "
                f"{folder} was made with {written['distribution']} {written['version']}",
                f"install {written['distribution']} and uninstall {found['distribution']}",
            )


def _check_body(description: Mapping[str, Any], arm: Arm, folder: Path) -> None:
    expected, found = description["backbone"]["source_digest"], arm.model.backbone.source_digest
    if expected != found:
        raise IntegrityError(
            f"{folder} was trained on a body {arm.spec.name} with source digest {expected[:16]}..., "
            f"and the one here has {found[:16]}...",
            "use the same weights file, or train again on this one",
        )
