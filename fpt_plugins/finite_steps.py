"""No step is taken on a loss or a gradient that is no finite number, and none waits to find out.

The optimizer itself leaves out such a step and all that follow: its fused kernel is told on the
device, as a gradient scaler would tell it. The host asks what happened when it needs a number
anyway.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from fpt_plugins.errors import NonFiniteError

if TYPE_CHECKING:
    from torch import Tensor


class FiniteWatch:
    """Which of several runs have met a number that is not finite, as the device knows it.

    Args:
        runs: How many there are.
        device: Where they compute.

    Attributes:
        failed: Whether some step of each was not finite ``[runs]``.
    """

    def __init__(self, runs: int, device: torch.device) -> None:
        self.failed = torch.zeros(runs, dtype=torch.bool, device=device)
        self._unread: list[tuple[int, Tensor, Tensor]] = []  # of every step since the host last asked

    def note(self, step: int, losses: Tensor, norms: Tensor) -> None:
        """Notes a step before it is taken.

        Args:
            step: Its number, from 1.
            losses: Of each run ``[runs]``.
            norms: Of each run's gradient ``[runs]``.
        """
        self._unread.append((step, losses, norms))
        self.failed = self.failed | ~torch.isfinite(losses + norms)

    def check(self, run: int = 0) -> None:
        """Waits for the device.

        Raises:
            NonFiniteError: Some step of this run was not finite; it is named, and was not taken.
        """
        if self.failed[run]:
            numbers = ((step, losses[run].item(), norms[run].item()) for step, losses, norms in self._unread)
            step, loss, norm = next(each for each in numbers if not math.isfinite(sum(each)))
            raise NonFiniteError(
                f"at step {step} the loss is {loss} and the gradient's norm {norm}; the step was not taken",
                "train with a smaller --lr, or with --precision fp32",
            )
        if not self.failed.any():
            self._unread.clear()


class FiniteSteps:
    """Takes the steps of one run's fused optimizer.

    Args:
        optimizer: Adam with ``fused=True``.
        device: Where it computes.
    """

    def __init__(self, optimizer: torch.optim.Adam, device: torch.device) -> None:
        self._optimizer, self._parameters = optimizer, moved_parameters(optimizer)
        self._watch = FiniteWatch(1, device)

    def clear(self) -> None:
        """Forgets the gradients of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    def take(self, step: int, loss: Tensor, clip: float) -> Tensor:
        """Clips the gradient, and takes the optimizer's step if it and all before it were finite.

        Args:
            step: Its number, from 1.
            loss: Of this step, a scalar.
            clip: The norm that the gradient may have.

        Returns:
            The norm that it had.
        """
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, clip)
        self._watch.note(step, loss.detach().view(1), norm.view(1))
        self._optimizer.found_inf = self._watch.failed[0].float()  # type: ignore[attr-defined] # torch.amp sets it so
        self._optimizer.step()
        return norm

    def check(self) -> None:
        """Waits for the device.

        Raises:
            NonFiniteError: Some step was not finite; it is named, and was not taken.
        """
        self._watch.check()


def moved_parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that an optimizer moves, in its own order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
