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
    from fpt_plugins.backbone import Group


def make_optimizer(arm: Arm) -> torch.optim.Adam:
    """Adam with PyTorch's defaults, as in the paper; a learning rate for each parameter group.

    Fused: one kernel for all tensors of the run's own rate, where a loop over some tens of small ones
    takes four times as long; and one for each group that has its own, even if it is the same number,
    so that runs which differ in the number alone have their parameters in one order.
    """
    settings, partition = arm.configuration, arm.partition
    by_setting: dict[Group | None, list[Tensor]] = defaultdict(list)
    for group in partition.groups:
        own = group if group in settings.group_lr else None
        by_setting[own] += [arm.model.get_parameter(name) for name in partition.trained_of(group)]
    groups = [
        {"params": found, "lr": settings.lr if own is None else settings.group_lr[own]}
        for own, found in by_setting.items()
        if found
    ]
    return torch.optim.Adam(groups, fused=True)


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
