"""L3, trains: losses, scores and learning where the right answer is known beforehand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fpt_plugins.target import BitVector, Classes, Labels, RealVector
from fpt_plugins.testing.drawing import first_batch, open_split, targets_of
from fpt_plugins.testing.fitting import check_fits, check_learns_nothing_from_noise
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.data import Batch
    from fpt_plugins.metric import Metric
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

TOLERANCE = 1e-4


def check_known_answers(plugin: Subject) -> None:
    """Perfect is 1, uniform is ln C, batches change no score; a few samples are learned, and noise is not."""
    for task in plugin.tasks:
        batch = first_batch(plugin, task, 7)
        _check_uniform(task, batch)
        for metric in task.metrics:
            _check_perfect(task, metric, batch)
            _check_parts(task, metric, batch)
        _check_told_apart(task, batch)
        _check_whole(plugin, task)
        check_fits(plugin, task)
        check_learns_nothing_from_noise(plugin, task)


def _check_uniform(task: Task, batch: Batch) -> None:
    """The loss of outputs that are all zero is ln C; of real numbers, their mean square."""
    import torch

    targets = targets_of(batch)
    match task.target:
        case Classes(names):
            expected = math.log(len(names))
        case BitVector() | Labels():
            expected = math.log(2)
        case RealVector():
            expected = float(targets.double().square().mean())
        case other:
            raise NotApplicable(f"the loss of a {type(other).__name__} is not known")
    loss = float(task.target.losses(torch.zeros_like(perfect_outputs(task, targets)), targets).mean())
    if abs(loss - expected) > TOLERANCE * max(1.0, expected):
        raise ContractBroken(
            f"{task.name}: outputs of zero have a loss of {loss:.4f}, where {expected:.4f} is right"
        )


def _check_perfect(task: Task, metric: Metric, batch: Batch) -> None:
    """Perfect outputs score 1; an error, 0."""
    best, outputs = float(metric.higher_is_better), perfect_outputs(task, targets_of(batch))
    if abs(_score(metric, outputs, batch) - best) > TOLERANCE:
        raise ContractBroken(f"{task.name}: perfect outputs have {metric.name} other than {best:g}")


def _check_told_apart(task: Task, batch: Batch) -> None:
    """What is perfect for one sample is not for another, by the metric that selects."""
    metric, outputs = task.metrics[0], perfect_outputs(task, targets_of(batch))
    if outputs.equal(outputs.flip(0)):
        return
    if _score(metric, outputs.flip(0), batch) == float(metric.higher_is_better):
        raise ContractBroken(f"{task.name}: {metric.name} is perfect for the targets of other samples too")


def _check_parts(task: Task, metric: Metric, batch: Batch) -> None:
    """Noise has one score, whether in one batch or in three of different sizes."""
    import torch

    if len(batch) <= 5:
        return
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(perfect_outputs(task, targets_of(batch)).shape, generator=generator)
    whole = _score(metric, noise, batch)
    parts = _score(metric, noise, batch, sizes=(4, 1, len(batch) - 5))
    if abs(whole - parts) > TOLERANCE * max(1.0, abs(whole)):
        raise ContractBroken(
            f"{task.name}: {metric.name} is {whole:.4f} in one batch and {parts:.4f} in three",
            "give a numerator and a denominator for each sample",
        )


def _check_whole(plugin: Subject, task: Task) -> None:
    """The core's own evaluation of validation data says the same with batches of 4 and of 28."""
    from fpt_plugins.evaluation import score

    samples = open_split(plugin, task, "validation")
    small, large = (score(plugin.arm(task, batch_size=size), samples) for size in (1, 7))
    for name, value in small.items():
        if abs(value - large[name]) > TOLERANCE * max(1.0, abs(value)):
            raise ContractBroken(
                f"{task.name}: {name} of validation data is {value:.6f} in batches of 4 and "
                f"{large[name]:.6f} in batches of 28",
                "a score is a ratio of sums over samples, the last batch's too",
            )


def perfect_outputs(task: Task, targets: Tensor) -> Tensor:
    """Outputs that are as sure as can be of the targets."""
    import torch.nn.functional as F

    match task.target:
        case Classes(names):
            return 20.0 * F.one_hot(targets.clamp(min=0), len(names)).float()
        case BitVector():
            return 20.0 * F.one_hot(targets, 2).float()
        case Labels():
            return 20.0 * (2 * targets - 1)
        case RealVector():
            return targets
    raise NotApplicable(f"perfect outputs for a {type(task.target).__name__} are not known")


def _score(metric: Metric, outputs: Tensor, batch: Batch, sizes: tuple[int, ...] = ()) -> float:
    """A metric over a batch that is cut into parts of these sizes: a ratio of sums, as the core takes it."""
    from fpt_plugins.data import Batch

    above = below = 0.0
    start = 0
    for size in sizes or (len(batch),):
        part = slice(start, start := start + size)
        piece = Batch(batch.tokens[part], batch.attention_mask[part], targets_of(batch)[part])
        numerators, denominators = metric.score(outputs[part], targets_of(piece), piece)
        above, below = above + float(numerators.double().sum()), below + float(denominators.double().sum())
    return above / below
