"""No step is taken on a loss or a gradient that is no finite number, and none waits to find out.

The optimizer itself leaves out such a step and all that follow: its fused kernel is told on the
device, as a gradient scaler would tell it. The host asks what happened when it needs a number
anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from fpt_plugins.errors import NonFiniteError

if TYPE_CHECKING:
    from torch import Tensor


class Stepper(Protocol):
    """How a run moves what it trains."""

    def clear(self) -> None:
        """Forgets the gradients of the last step."""

    def take(self, step: int, loss: Tensor, clip: float) -> Tensor:
        """Clips the gradient, and takes a step if it and all before it were finite.

        Args:
            step: Its number, from 1.
            loss: Of this step, a scalar.
            clip: The norm that the gradient may have.

        Returns:
            The norm that it had.
        """
        ...

    def check(self) -> None:
        """Waits for the device.

        Raises:
            NonFiniteError: Some step was not finite; it is named, and was not taken.
        """


class FiniteWatch:
    """Whether a run has met a number that is not finite, as the device knows it."""

    def __init__(self, device: torch.device) -> None:
        self._failed = torch.zeros((), dtype=torch.bool, device=device)
        self._unread: list[tuple[int, Tensor, Tensor]] = []  # step, loss, norm: since the host last asked

    def note(self, step: int, loss: Tensor, norm: Tensor) -> Tensor:
        """Notes a step before it is taken; 1 where it must not be, or else 0, on the device."""
        self._unread.append((step, loss.detach(), norm))
        self._failed = self._failed | ~torch.isfinite(loss.detach() + norm)
        return self._failed.float()

    def check(self) -> None:
        """As :meth:`Stepper.check`."""
        if not self._failed:
            self._unread.clear()
            return
        step, loss, norm = next(each for each in self._unread if not torch.isfinite(each[1] + each[2]))
        raise NonFiniteError(
            f"at step {step} the loss is {loss.item()} and the gradient's norm {norm.item()}; "
            "the step was not taken",
            "train with a smaller --lr, or with --precision fp32",
        )


class FiniteSteps:
    """:class:`Stepper` of a fused optimizer.

    Args:
        optimizer: Adam with ``fused=True``.
        device: Where it computes.
    """

    def __init__(self, optimizer: torch.optim.Adam, device: torch.device) -> None:
        self._optimizer, self._parameters = optimizer, moved_parameters(optimizer)
        self._watch = FiniteWatch(device)

    def clear(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def take(self, step: int, loss: Tensor, clip: float) -> Tensor:
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, clip)
        stopped = self._watch.note(step, loss, norm)
        self._optimizer.found_inf = stopped  # type: ignore[attr-defined] # torch.amp sets it so
        self._optimizer.step()
        return norm

    def check(self) -> None:
        self._watch.check()


def moved_parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that an optimizer moves, in its own order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
