"""No step is taken on a loss or a gradient that is no finite number, and none waits to find out.

The optimizer itself leaves out such a step and all that follow: its fused kernel is told on the
device, as a gradient scaler would tell it. The host asks what happened when it needs a number
anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fpt_plugins.errors import NonFiniteError

if TYPE_CHECKING:
    from torch import Tensor


class FiniteSteps:
    """Takes the steps of a fused optimizer.

    Args:
        optimizer: Adam with ``fused=True``.
        device: Where it computes.
    """

    def __init__(self, optimizer: torch.optim.Adam, device: torch.device) -> None:
        self._optimizer = optimizer
        self._failed = torch.zeros((), dtype=torch.bool, device=device)
        self._seen = torch.zeros(3, device=device)  # step, loss and norm: of the first that failed

    def take(self, step: int, loss: Tensor, norm: Tensor) -> None:
        """Takes the optimizer's step if it and all before it were finite.

        Args:
            step: Its number, from 1.
            loss: Of this step, a scalar.
            norm: Of its gradient, a scalar.
        """
        seen = torch.stack([torch.full_like(norm, step), loss.detach(), norm])
        self._seen = torch.where(self._failed, self._seen, seen)
        self._failed = self._failed | ~torch.isfinite(loss + norm)
        self._optimizer.found_inf = self._failed.float()  # type: ignore[attr-defined] # torch.amp sets it so
        self._optimizer.step()

    def check(self) -> None:
        """Waits for the device.

        Raises:
            NonFiniteError: Some step was not finite; it is named, and was not taken.
        """
        if self._failed:
            step, loss, norm = self._seen.tolist()
            raise NonFiniteError(
                f"at step {step:.0f} the loss is {loss} and the gradient's norm {norm}; "
                "the step was not taken",
                "train with a smaller --lr, or with --precision fp32",
            )
