"""Adam over what trains, with a learning rate for each parameter group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm


def make_optimizer(arm: Arm) -> torch.optim.Adam:
    """Adam with PyTorch's defaults, as in the paper; a learning rate for each parameter group.

    Fused: one kernel for all tensors of one rate, where a loop over some tens of small ones takes four
    times as long.
    """
    settings, partition = arm.configuration, arm.partition
    by_rate: dict[float | None, list[Tensor]] = defaultdict(list)
    for group in partition.groups:
        rate = settings.group_lr.get(group, settings.lr)
        by_rate[rate] += [arm.model.get_parameter(name) for name in partition.trained_of(group)]
    groups = [{"params": parameters, "lr": rate} for rate, parameters in by_rate.items() if parameters]
    return torch.optim.Adam(groups, fused=True)


def trained_parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that an optimizer moves, in its own order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def check_rates(arm: Arm, rates: Mapping[str, float]) -> None:
    """Refuses a learning rate that would have no effect.

    Raises:
        ConfigurationError: Nothing of the group trains.
    """
    frozen = sorted(rates.keys() - arm.partition.trained)
    if frozen:
        policy = arm.configuration.train
        raise ConfigurationError(
            f"--group-lr {frozen[0]} has no effect: --train {policy} freezes that group",
            f"train it too: --train {policy},{frozen[0]}",
        )
