"""L3, trains: there is something to learn, it is learned, and only from the labels."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from fpt_plugins.target import PADDING_TARGET, BitVector, Classes, Labels, RealVector
from fpt_plugins.testing.drawing import first_batch, open_split, targets_of
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.data import Batch
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

FITTED, STEPS, RATE = 16, 600, 3e-3
"""Samples, the most steps, and Adam's rate."""

FIT, REAL_FIT = 0.99, 0.95
"""Of the samples' answers; of real numbers, the share of the first loss that must go."""

NOISY_SAMPLES, NOISY_STEPS, NOISY_BATCH = 128, 40, 16
HELD_OUT = 256
SHUFFLES = 3
"""A leak shows in each; luck, which a few large families lend, does not."""

DEVIATIONS, SHARE = 4.0, 0.25
"""Beyond the best answer that needs no input, by so many standard deviations and by that share of the way
to perfect: samples of one family are answered alike, so that their number says too much."""


def check_fits(plugin: Subject, task: Task) -> None:
    """A body that trains whole learns sixteen samples by heart.

    Raises:
        ContractBroken: It has not after ``STEPS`` steps.
    """
    import torch

    arm, batch = plugin.arm(task, train="full"), _distinct(first_batch(plugin, task, 2 * FITTED, "train"))
    optimizer = torch.optim.Adam(arm.model.parameters(), lr=RATE)
    losses = []
    for _ in range(STEPS):
        outputs = arm.outputs(batch)
        losses.append(task.target.losses(outputs, targets_of(batch)).mean())
        if _is_fit(task, outputs, batch, losses[-1].item() / losses[0].item()):
            return
        optimizer.zero_grad()
        torch.autograd.backward(losses[-1])
        optimizer.step()
    raise ContractBroken(
        f"{task.name}: {len(batch)} samples are not known by heart after {STEPS} steps: their loss is "
        f"{losses[0].item():.3f} at first and {losses[-1].item():.3f} at last",
        "see that targets belong to their samples, and that outputs and inputs are of order one",
    )


def _is_fit(task: Task, outputs: Tensor, batch: Batch, share: float) -> bool:
    if isinstance(task.target, RealVector):
        return share <= 1 - REAL_FIT
    return float(_right(task, outputs, targets_of(batch)).mean()) >= FIT * _learnable(task, batch)


def _learnable(task: Task, batch: Batch) -> float:
    """The share of answers that can be learned: where later tokens are hidden, one for each beginning."""
    if not task.causal_only:
        return 1.0
    seen: dict[bytes, Counter[int]] = defaultdict(Counter)
    for tokens, targets in zip(batch.tokens, targets_of(batch).tolist(), strict=True):
        for position, target in enumerate(targets):
            if target != PADDING_TARGET:
                seen[tokens[: position + 1].numpy().tobytes()][target] += 1
    return sum(max(counts.values()) for counts in seen.values()) / sum(map(Counter.total, seen.values()))


def _distinct(batch: Batch) -> Batch:
    """The first samples with different tokens: two labels of one sequence cannot both be learned."""
    from fpt_plugins.data import Batch

    first = {tokens.numpy().tobytes(): place for place, tokens in reversed(list(enumerate(batch.tokens)))}
    chosen = sorted(first.values())[:FITTED]
    return Batch(batch.tokens[chosen], batch.attention_mask[chosen], targets_of(batch)[chosen])


def check_learns_nothing_from_noise(plugin: Subject, task: Task) -> None:
    """Trained on shuffled labels, held-out answers are no better than without input.

    Real numbers are not asked: what is near the input is near the target before any training.

    Raises:
        ContractBroken: They are better by ``DEVIATIONS`` standard deviations.
    """
    if isinstance(task.target, RealVector):
        return
    held_out = first_batch(plugin, task, HELD_OUT)
    for shuffle in range(SHUFFLES):
        arm = plugin.arm(task, seed=shuffle)
        _train_on_noise(plugin, arm, shuffle)
        after = _answered(arm, held_out)
        bound = _best_constant(task, held_out)
        bound += max(DEVIATIONS * float(after.std()) / math.sqrt(len(after)), SHARE * (1 - bound))
        if float(after.mean()) <= bound:
            return
    raise ContractBroken(
        f"{task.name}: trained on shuffled labels, {float(after.mean()):.3f} of the held-out answers "
        f"are right, where {bound:.3f} are by chance",
        "see how else than by training the labels reach the model or the score",
    )


def _train_on_noise(plugin: Subject, arm: Arm, shuffle: int) -> None:
    import torch

    split = open_split(plugin, arm.task, "train")
    count, generator = min(len(split), NOISY_SAMPLES), torch.Generator().manual_seed(shuffle)
    whole = split.batch([(index, 0) for index in range(count)])
    targets = _shuffled(targets_of(whole), generator)
    optimizer = torch.optim.Adam((p for p in arm.model.parameters() if p.requires_grad), lr=RATE)
    arm.model.train()
    for _ in range(NOISY_STEPS):
        chosen = torch.randperm(count, generator=generator)[:NOISY_BATCH]
        batch = split.batch([(index, 0) for index in chosen.tolist()])
        width = batch.attention_mask.shape[1]
        noise = targets[chosen, :width] if arm.task.readout.positions is None else targets[chosen]
        optimizer.zero_grad()
        torch.autograd.backward(arm.task.target.losses(arm.outputs(batch), noise).mean())
        optimizer.step()


def _shuffled(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Targets dealt anew: to other samples, or to other real positions where there is one for each."""
    import torch

    if targets.ndim == 1 or not (targets == PADDING_TARGET).any():
        return targets[torch.randperm(len(targets), generator=generator)]
    real, dealt = targets != PADDING_TARGET, targets.clone()
    values = targets[real]
    dealt[real] = values[torch.randperm(len(values), generator=generator)]
    return dealt


def _answered(arm: Arm, batch: Batch) -> Tensor:
    with arm.evaluating():
        return _right(arm.task, arm.outputs(batch), targets_of(batch))


def _right(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of each sample's answers that are right, ``[B]``."""
    match task.target:
        case Labels():
            right = (outputs > 0) == (targets > 1 / 2)
        case Classes() | BitVector():
            right = outputs.argmax(-1) == targets
        case other:
            raise NotApplicable(f"right answers for a {type(other).__name__} are not known")
    real = (targets != PADDING_TARGET).reshape(len(targets), -1)
    return (right.reshape(len(right), -1) & real).double().sum(1) / real.sum(1)


def _best_constant(task: Task, batch: Batch) -> float:
    """The share of answers that the commonest value of each number of the target gets right."""
    targets = targets_of(batch)
    if task.readout.positions is None or targets.ndim == 1:
        columns = [targets[targets != PADDING_TARGET]]
    else:
        columns = list(targets.T)
    shares = [max(Counter(column.tolist()).values()) / len(column) for column in columns]
    return sum(shares) / len(shares)
