"""How far what trains has moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fpt_plugins.trained_tensors import trained_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm


def drift(arm: Arm, begun: Mapping[str, Tensor]) -> dict[str, float]:
    """The change of each trained parameter group relative to its beginning, both in L2 norm.

    Takagi (2022, arXiv 2211.09817) found that a pretrained body moves little. A group that began at
    zero has no such measure and is left out.

    Args:
        arm: As it is now.
        begun: Its trained tensors as they were at step 0.
    """
    now = trained_tensors(arm)
    found = {}
    for group in arm.partition.groups:
        names = [name for name in arm.partition.trained_of(group) if name in now]
        moved = math.sqrt(sum(float((now[name] - begun[name]).double().square().sum()) for name in names))
        size = math.sqrt(sum(float(begun[name].double().square().sum()) for name in names))
        if size:
            found[str(group)] = moved / size
    return found
