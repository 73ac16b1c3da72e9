"""Adapters on disk: a folder of two files, here or on the hub.

``adapter.safetensors`` holds the trained tensors and nothing else; ``adapter.json`` says which
task, body and policy they belong to, with a SHA-256 of each. Nothing in either names code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import safetensors.torch

from fpt_plugins.configuration import Configuration
from fpt_plugins.digest import tensor_digest
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError, UnknownName
from fpt_plugins.formats import check_format, stamped
from fpt_plugins.plain_files import read_bounded
from fpt_plugins.sealed_values import check_has
from fpt_plugins.storage import read_sealed, sealed
from fpt_plugins.tensor_file import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

FORMAT = 1
WEIGHTS, DESCRIPTION = "adapter.safetensors", "adapter.json"


@attrs.frozen(kw_only=True)
class _Plugin:
    distribution: str
    version: str


@attrs.frozen(kw_only=True)
class _Body:
    name: str
    source: str
    source_digest: str


@attrs.frozen(kw_only=True)
class _Content:
    """What ``adapter.json`` has at least, so that what another hand sealed is refused in one line."""

    configuration: dict[str, Any]
    plugins: dict[str, _Plugin]
    backbone: _Body
    groups: dict[str, list[str]]
    step: int
    tensors: dict[str, str]
    weights_sha256: str


def adapter_files(arm: Arm, tensors: Mapping[str, Tensor], step: int) -> dict[str, bytes]:
    """The two files of an adapter, by name.

    Args:
        arm: What was trained.
        tensors: Its trained tensors at the step that is kept.
        step: That step.
    """
    weights = safetensors.torch.save(dict(tensors))
    description = {
        "configuration": arm.configuration.to_json(),
        "plugins": arm.versions,
        "backbone": {
            "name": arm.spec.name,
            "source": arm.spec.source,
            "revision": arm.spec.revision,
            "license": arm.spec.license,
            "embed_dim": arm.model.backbone.embed_dim,
            "source_digest": arm.model.backbone.source_digest,
        },
        "groups": {g: list(arm.partition.trained_of(g)) for g in sorted(arm.partition.trained)},
        "step": step,
        "tensors": {name: tensor_digest(tensor) for name, tensor in tensors.items()},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    return {WEIGHTS: weights, DESCRIPTION: sealed(stamped(description, FORMAT))}


def read_description(folder: Path) -> dict[str, Any]:
    """``adapter.json``, checked. Needs neither the plugin nor the backbone.

    Raises:
        IntegrityError: It is missing or damaged, or a newer version wrote it.
    """
    place = adapter_folder(folder) / DESCRIPTION
    description = read_sealed(place)
    check_format(folder, description, FORMAT)
    check_has(_Content, description, place, "description of an adapter")
    try:
        Configuration.from_json(description["configuration"])
    except (ConfigurationError, UnknownName) as error:
        raise IntegrityError(f"{place}: {error.message}", error.remedy) from error
    return description


def adapter_folder(folder: Path) -> Path:
    """The adapter's own folder: ``folder`` itself, or ``adapter/`` in the folder of a run.

    Raises:
        FptError: There is no adapter in either.
    """
    for place in (folder, folder / "adapter"):
        if (place / DESCRIPTION).is_file():
            return place
    if (folder / "run.json").is_file():
        raise FptError(
            f"the run {folder} has not finished: it has no adapter yet",
            f"fpt train TASK --resume --out {folder}",
        )
    raise FptError(
        f"{folder} holds neither a run nor an adapter", "train one: fpt train bits/xor --out FOLDER"
    )


def find_adapter(place: str | Path) -> Path:
    """The folder of an adapter that is here, or is brought here from the hub.

    Raises:
        FptError: There is none.
    """
    return adapter_folder(_download(place) if str(place).startswith("hf:") else Path(place))


def read_weights(folder: Path, description: Mapping[str, Any], most: int) -> bytes:
    """The bytes of ``adapter.safetensors``, checked.

    Args:
        folder: The adapter's own.
        description: What its ``adapter.json`` says.
        most: Bytes that are read.

    Raises:
        IntegrityError: The file is missing or damaged; the tensor is named where it can be.
    """
    try:
        content = read_bounded(folder / WEIGHTS, most)
    except OSError as error:
        raise IntegrityError(f"{folder / WEIGHTS} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() == description["weights_sha256"]:
        return content
    raise IntegrityError(f"{folder / WEIGHTS} is damaged: {_damaged(content, description)}")


def _damaged(content: bytes, description: Mapping[str, Any]) -> str:
    """Which tensor it is, where the file can still be read."""
    try:
        tensors = read_tensors(content, Path(WEIGHTS))
    except IntegrityError:
        return "its header cannot be read"
    for name, expected in description["tensors"].items():
        if name not in tensors or tensor_digest(tensors[name]) != expected:
            return f"the tensor {name} is not what was written"
    return "its SHA-256 is not the one in adapter.json"


def _download(place: str | Path) -> Path:
    import huggingface_hub

    name, _, revision = str(place).removeprefix("hf:").partition("@")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise FptError(f"{place} names no commit", f"pin one by its 40 digits: hf:{name}@REVISION")
    patterns = [WEIGHTS, DESCRIPTION, "record.json"]
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        first_line = str(error).splitlines()[0]
        raise FptError(f"{place} cannot be had from the hub: {first_line}", "give a local folder") from error
