"""L3, trains: the model is shown neither the answer nor, where it predicts the next token, that token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fpt_plugins.readout import Every
from fpt_plugins.target import RealVector
from fpt_plugins.testing.batches import TOLERANCE, outputs_of
from fpt_plugins.testing.drawing import first_batch, targets_of
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.data import Batch
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

LOOKED_AT = 256
LEAST_SAMPLES = 16
"""Fewer could have a token that tells their class by chance."""

MOST_TARGETS = 8
"""Of a target's numbers, the first."""


def check_nothing_leaks(plugin: Subject) -> None:
    """No input tells the target; no answer depends on labels that were read, or if causal on later tokens."""
    import torch

    for task in plugin.tasks:
        arm = plugin.arm(task)
        arm.model.eval()
        with torch.inference_mode():
            if task.readout.positions is not None:
                _check_columns(task, first_batch(plugin, task, LOOKED_AT, "train"))
            _check_memory(task, arm)
            if task.causal_only:
                _check_causality(task, arm, first_batch(plugin, task))


def _check_columns(task: Task, batch: Batch) -> None:
    """No single number of the input, counted from either end, determines a number of the target."""
    targets = targets_of(batch).reshape(len(batch), -1).T[:MOST_TARGETS].tolist()
    if len(batch) < LEAST_SAMPLES:
        return
    for place, values in _columns(batch):
        for target in targets:
            if _tells(task, values, target):
                raise ContractBroken(
                    f"{task.name}: {place} of the input is the target in other words",
                    "leave the target out of the sample",
                )


def _tells(task: Task, values: list[Any], target: list[Any]) -> bool:
    """Whether the target is a function of a value that repeats; of real numbers, whether it is the value."""
    if len(set(target)) < 2:
        return False
    if isinstance(task.target, RealVector):
        return values == target
    return len(set(values)) <= len(values) // 2 and len(set(zip(values, target, strict=True))) == len(
        set(values)
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


def _check_memory(task: Task, arm: Arm) -> None:
    """The outputs of some samples are the same whichever samples, with their labels, were read last."""
    dataset: Any = task.split("validation")
    samples = [dataset[index][0] for index in range(min(4, len(dataset)))]
    found = []
    for last in range(min(8, len(dataset))):
        _ = dataset[last]
        found.append(outputs_of(arm, samples))
    for outputs in found[1:]:
        if any((one - other).abs().max() > 0 for one, other in zip(found[0], outputs, strict=True)):
            raise ContractBroken(
                f"{task.name}: answers depend on which sample was read last, and so on its label",
                "keep nothing between a data set and the modules",
            )


def _check_causality(task: Task, arm: Arm, batch: Batch) -> None:
    """Where the target is part of the input, no output depends on a token that comes later."""
    if not isinstance(task.readout, Every):
        raise ContractBroken(
            f"{task.name} is causal_only, and reads {type(task.readout).__name__}",
            "read every position: Every()",
        )
    shortest = int(batch.attention_mask.sum(1).min())
    before = arm.outputs(batch)
    for seen in range(1, shortest, max(1, shortest // 4)):
        changed = _with_others_after(batch, seen)
        moved = (arm.outputs(changed)[:, :seen] - before[:, :seen]).abs().max()
        if moved > TOLERANCE:
            raise ContractBroken(
                f"{task.name}: outputs at the first {seen} tokens depend on later ones",
                "look back only: the later tokens are the targets",
            )


def _with_others_after(batch: Batch, seen: int) -> Batch:
    """The batch with every token from ``seen`` on taken from the sample before."""
    from fpt_plugins.data import Batch

    tokens: Tensor = batch.tokens.clone()
    tokens[:, seen:] = batch.tokens.roll(1, dims=0)[:, seen:]
    return Batch(tokens, batch.attention_mask)
