"""The tensors of an arm that train: taken out as copies, checked, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Parameter

from fpt_plugins.arm import Arm
from fpt_plugins.errors import IntegrityError


def trained_parameters(arm: Arm) -> dict[str, Parameter]:
    """The parameters that train, by their names in the model."""
    return {name: arm.model.get_parameter(name) for name in arm.partition.trained_names}


def trained_tensors(arm: Arm) -> dict[str, Tensor]:
    """The tensors that train, by their names in the model, as copies in memory."""
    return {name: parameter.detach().cpu().clone() for name, parameter in trained_parameters(arm).items()}


def put_tensors(arm: Arm, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Copies trained tensors into an arm; they must be exactly those that it trains.

    Raises:
        IntegrityError: A tensor is missing, left over or of another shape; it is named.
    """
    check_tensors(arm, tensors, folder)
    with torch.no_grad():
        for name, tensor in tensors.items():
            arm.model.get_parameter(name).copy_(tensor)


def check_tensors(arm: Arm, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Refuses tensors that are not exactly those that an arm trains.

    Raises:
        IntegrityError: A tensor is missing, left over or of another shape; it is named.
    """
    expected = trained_parameters(arm)
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise IntegrityError(
            f"{folder}: the tensor {name} is {'missing' if name in expected else 'not of this arm'}"
        )
    for name, parameter in expected.items():
        if parameter.shape != tensors[name].shape:
            found, wanted = tuple(tensors[name].shape), tuple(parameter.shape)
            raise IntegrityError(f"{folder}: the tensor {name} has shape {found}, not {wanted}")
        if not tensors[name].is_floating_point():
            raise IntegrityError(f"{folder}: the tensor {name} is of type {tensors[name].dtype}")
