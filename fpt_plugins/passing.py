"""A batch's way forward and back: as a whole, or in parts where memory is short."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import Tensor

from fpt_plugins.data import Batch
from fpt_plugins.streams import seed_dropout, stream_seed

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.processes import Launched


@attrs.frozen(eq=False)
class Passed:
    """What a batch gave; its gradient is in the parameters.

    Args:
        loss: The mean over its samples, on the device.
        parts: The outputs and the samples of each part.
    """

    loss: Tensor
    parts: list[tuple[Tensor, Batch]]

    def scores(self, arm: Arm) -> dict[str, float]:
        """Every metric of the task. Waits for the device."""
        sums: dict[str, Tensor] = {}
        for outputs, batch in self.parts:
            assert batch.targets is not None  # noqa: S101 - a split has targets; for the type checker
            for metric in arm.task.metrics:
                above, below = metric.score(outputs, batch.targets, batch)
                found = torch.stack([above.sum().double(), below.sum().double()])
                sums[metric.name] = sums.get(metric.name, 0) + found
        ratios = {name: found.tolist() for name, found in sums.items()}
        return {name: above / below for name, (above, below) in ratios.items() if below}


def pass_batch(arm: Arm, model: Any, parts: Sequence[Batch], step: int, processes: Launched) -> Passed:
    """A batch's loss, and its gradient added to the parameters'.

    In parts loss and gradient are those of the whole up to the order of their sums. With dropout
    each part draws its own numbers, so that what is dropped is then another part of the body than in
    the whole. Nothing else is drawn or changed: done again on cleared gradients, it gives the same bits.

    Args:
        arm: What trains.
        model: Its model as it is called, which several processes wrap.
        parts: This process's share of the step's samples, in one batch or in several.
        step: Steps taken before; with the seed it decides what is dropped.
        processes: Who else trains it.
    """
    device, losses, passed = arm.precision.device, [], []
    samples = sum(map(len, parts))
    for number, part in enumerate(parts):
        placed = part.to(device)
        seed_dropout(dropout_seed(arm, step, processes, number), device)
        is_last = number == len(parts) - 1
        with nullcontext() if is_last else processes.accelerator.no_sync(model):
            with arm.precision.autocast():
                outputs = model(placed.tokens, placed.attention_mask, placed.features).float()
            assert placed.targets is not None  # noqa: S101 - a split has targets; for the type checker
            loss = arm.task.target.losses(outputs, placed.targets).sum() / samples
            torch.autograd.backward(loss)
        losses.append(loss.detach())
        passed.append((outputs.detach(), placed))
    return Passed(torch.stack(losses).sum(), passed)


def dropout_seed(arm: Arm, step: int, processes: Launched, part: int = 0) -> int:
    """Of whatever a part of a step draws."""
    names = ("dropout", step, processes.index, *([part] if part else []))
    return stream_seed(arm.configuration.seed, *names)
