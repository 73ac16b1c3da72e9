"""L3, trains: that there is something to learn, that it is learned, and that it is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fpt_plugins.target import Classes
from fpt_plugins.testing.drawing import open_split
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.data import Batch
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

FITTED, STEPS, RATE = 8, 300, 1e-3
"""Samples, the most steps, and Adam's rate. The plugins of this tree took 2 to 60 steps (2026-11-21)."""

SMALLEST_FALL = 0.5
"""Of the loss."""

LEAST_SAMPLES = 16
"""Fewer could have a token that tells their class by chance."""


def check_learning(plugin: Subject) -> None:
    """A body that trains whole learns a few samples by heart: their loss falls below half."""
    import torch

    for task in plugin.tasks:
        arm, batch = plugin.arm(task, train="full"), _batch(plugin, task, FITTED)
        optimizer = torch.optim.Adam([p for p in arm.model.parameters() if p.requires_grad], lr=RATE)
        losses = []
        for _ in range(STEPS):
            losses.append(task.target.losses(arm.outputs(batch), _targets(batch)).mean())
            if losses[-1] < SMALLEST_FALL * losses[0]:
                break
            optimizer.zero_grad()
            torch.autograd.backward(losses[-1])
            optimizer.step()
        else:
            raise ContractBroken(
                f"{task.name}: the loss of {FITTED} samples is {losses[0].item():.3f}, "
                f"and {losses[-1].item():.3f} after {STEPS} steps",
                "see that targets belong to their samples, and that outputs and inputs are of order one",
            )


def check_target_is_not_in_the_input(plugin: Subject) -> None:
    """No single number of the input, counted from either end, names the class one to one."""
    asked = [task for task in plugin.tasks if isinstance(task.target, Classes)]
    asked = [task for task in asked if task.readout.positions is not None]
    if not asked:
        raise NotApplicable(f"no task of {plugin.name} has one class per sample")
    for task in asked:
        batch = _batch(plugin, task, 256)
        labels = _targets(batch).tolist()
        if len(labels) < LEAST_SAMPLES or len(set(labels)) < 2:
            raise NotApplicable(f"{task.name} has too few training samples to tell")
        for place, values in _columns(batch):
            pairs = set(zip(values, labels, strict=True))
            if len(pairs) == len(set(values)) == len(set(labels)):
                raise ContractBroken(
                    f"{task.name}: {place} is the class in other words", "leave the target out of the sample"
                )


def _columns(batch: Batch) -> Iterator[tuple[str, list[Any]]]:
    """Each number that every sample has, by its place from the first and from the last token."""
    lengths = batch.attention_mask.sum(1).tolist()
    tokens = batch.tokens.reshape(*batch.attention_mask.shape, -1)  # [B, T, width]
    for position in range(min(lengths)):
        for number in range(tokens.shape[-1]):
            yield f"token {position}, number {number}", tokens[:, position, number].tolist()
            ends = [length - 1 - position for length in lengths]
            values = [row[end, number].item() for row, end in zip(tokens, ends, strict=True)]
            yield f"token {-1 - position}, number {number}", values


def _batch(plugin: Subject, task: Task, most: int) -> Batch:
    samples = open_split(plugin, task, "train")
    return samples.batch([(index, 0) for index in range(min(most, len(samples)))])


def _targets(batch: Batch) -> Tensor:
    assert batch.targets is not None  # noqa: S101 # a split has targets; for the type checker
    return batch.targets
