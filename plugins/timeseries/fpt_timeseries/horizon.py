"""What a forecast predicts: the next values, in the units of the window before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge

from fpt_plugins import RealVector

if TYPE_CHECKING:
    from torch import Tensor


@attrs.frozen
class Horizon(RealVector):
    """``count`` next values, of a window that came in patches.

    Args:
        stride: Values from the beginning of a patch to that of the next.
    """

    stride: int = attrs.field(validator=ge(1))

    def restore(self, outputs: Tensor, tokens: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002 # windows are of one length
        """``[B, count]``: times the window's deviation, plus its mean."""
        from fpt_timeseries.reversible import moments

        mean, deviation = moments(tokens, self.stride)
        return outputs.float() * deviation + mean
