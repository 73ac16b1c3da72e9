"""The score of a language model over bytes. ``B`` samples of ``T`` positions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fpt_plugins import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins import Batch


def _bits_per_byte(outputs: Tensor, targets: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: ARG001 # every score takes the batch
    import torch.nn.functional as F

    nats = F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")  # 0 where padded
    return nats.sum(1) / math.log(2), (targets >= 0).sum(1)


bits_per_byte = Metric("bits_per_byte", _bits_per_byte, higher_is_better=False)
"""Cross entropy of the next byte to base 2, over all positions: 8 is a coin for every bit."""
