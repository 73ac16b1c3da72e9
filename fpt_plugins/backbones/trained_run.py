"""``run:PATH``: a body as a run of ours left it, so that pretraining on any task is a run like others.

The run's adapter holds the tensors that trained; the rest, and the positions that its sequences never
reached, are those of the body that it began with, which is built again and checked by its digest.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from torch import Tensor

from fpt_plugins.backbones.initialization import INITIALIZATIONS, Blank, Numbers
from fpt_plugins.backbones.inits import RUN_PREFIX
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError
from fpt_plugins.plain_files import read_bounded
from fpt_plugins.sealed_values import check_has
from fpt_plugins.storage import read_sealed
from fpt_plugins.tensor_file import WIDEST_NUMBER, read_tensors

MOST_BESIDE = 1 << 30
"""Bytes of an adapter's file for what is not of the body: its embedding, its head, its header."""
_DESCRIPTION, _WEIGHTS = "adapter.json", "adapter.safetensors"
_BODY = "backbone.model."


@attrs.frozen
class _Began:
    backbone: str
    backbone_options: dict[str, Any]
    init: str
    init_seed: int


@attrs.frozen
class _Body:
    source_digest: str


@attrs.frozen
class _Run:
    """What there has to be in an ``adapter.json`` of a run that a body is taken from."""

    configuration: _Began
    backbone: _Body
    weights_sha256: str


def find_initialization(init: str) -> Callable[[Blank], Numbers]:
    """The function behind a value of ``--init``."""
    if init.startswith(RUN_PREFIX):
        return functools.partial(from_run, Path(init.removeprefix(RUN_PREFIX)).expanduser())
    return INITIALIZATIONS[init]


def from_run(path: Path, body: Blank) -> Numbers:
    """The body's numbers as a run left them; known by all of them, trained or not.

    Args:
        path: The folder of a run or of its adapter.
        body: What there is to fill: the run's own backbone, with as many layers.

    Raises:
        FptError: There is no finished run.
        IntegrityError: A file is damaged, or the run began with another body.
        ConfigurationError: It trained nothing of the body, or more than the body has.
    """
    description = read_run(path)
    trained = _trained(_adapter_folder(path), description, body)
    began = _began(path, description, body)
    unknown = sorted(trained.keys() - began.keys())
    if unknown or not trained:
        problem = f"trained {unknown[0]}, which this body lacks" if unknown else "trained nothing of its body"
        raise ConfigurationError(f"the run {path} {problem}", "take a run that was trained with --train full")
    tensors = {name: _overlaid(path, body, name, began[name], trained.get(name)) for name in began}
    return Numbers(tensors, digest(tensors))


def read_run(path: Path) -> dict[str, Any]:
    """What ``adapter.json`` says of a run.

    Raises:
        FptError: There is no finished run.
        IntegrityError: The file is damaged.
    """
    place = _adapter_folder(path) / _DESCRIPTION
    description = read_sealed(place)
    check_has(_Run, description, place, "description of an adapter")
    return description


def _adapter_folder(path: Path) -> Path:
    for place in (path, path / "adapter"):
        if (place / _DESCRIPTION).is_file():
            return place
    raise FptError(f"{path} holds no finished run", "train one: fpt train TASK --train full --out FOLDER")


def _trained(folder: Path, description: Mapping[str, Any], body: Blank) -> dict[str, Tensor]:
    most = MOST_BESIDE + WIDEST_NUMBER * sum(map(math.prod, body.shapes.values()))
    try:
        content = read_bounded(folder / _WEIGHTS, most)
    except OSError as error:
        raise IntegrityError(f"{folder / _WEIGHTS} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != description["weights_sha256"]:
        raise IntegrityError(f"{folder / _WEIGHTS} is damaged: its SHA-256 is not the one in {_DESCRIPTION}")
    tensors = read_tensors(content, folder / _WEIGHTS)
    return {name.removeprefix(_BODY): t for name, t in tensors.items() if name.startswith("backbone.")}


def _began(path: Path, description: Mapping[str, Any], body: Blank) -> dict[str, Tensor]:
    configuration, expected = description["configuration"], description["backbone"]["source_digest"]
    scheme = configuration["backbone_options"].get("scheme", body.scheme)
    begun = attrs.evolve(body, seed=configuration["init_seed"], scheme=scheme)
    try:
        numbers = find_initialization(configuration["init"])(begun)
    except RecursionError as error:
        raise IntegrityError(f"the run {path} says that it began with itself") from error
    if numbers.source_digest != expected:
        given = {
            name: value for name, value in configuration["backbone_options"].items() if value is not None
        }
        raise IntegrityError(
            f"the run {path} began with a body of source digest {expected[:16]}..., "
            f"and the one here has {numbers.source_digest[:16]}...",
            f"it was trained with --backbone {configuration['backbone']} and the options {given}",
        )
    return numbers.tensors


def _overlaid(path: Path, body: Blank, name: str, began: Tensor, trained: Tensor | None) -> Tensor:
    if trained is None:
        return began
    whole = target = began.clone()
    if name == body.names.position_table:  # the run held the rows that it reached
        target = whole[body.first_position :][: len(trained)]
    if target.shape != trained.shape:
        found, most = list(trained.shape), list(target.shape)
        raise ConfigurationError(f"the run {path}: {name} of {found} does not fit this body's {most}")
    target.copy_(trained)
    return whole
