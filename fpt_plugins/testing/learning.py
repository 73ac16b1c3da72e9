"""L3, trains: the modules that a plugin builds, and what a few steps do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.readout import Flatten
from fpt_plugins.target import BitVector, Classes, Labels, RealVector
from fpt_plugins.testing.drawing import open_split
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.data import Batch
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

WIDTHS = (16, 32, 48)
STEPS = 3
TOLERANCE = 1e-4
"""Between two sums of the same fp32 numbers in another order, on one block."""


def first_batch(plugin: Subject, task: Task, count: int = 4, split: Any = "validation") -> Batch:
    """The first samples of a split as a batch."""
    samples = open_split(plugin, task, split)
    return samples.batch([(index, 0) for index in range(min(count, len(samples)))])


def check_widths(plugin: Subject) -> None:
    """Embedding and head fit bodies of every width, in fp32 and in bf16."""
    import torch

    for task in plugin.tasks:
        batch, plugins = first_batch(plugin, task), plugin.plugins(task)
        count, length = batch.attention_mask.shape
        for width in WIDTHS:
            embedding, head = plugins.input_embedding(task, width), _head(plugin, task, width)
            for dtype in (torch.float32, torch.bfloat16):
                with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                    embedded = embedding(batch.tokens)
                    _check_shape(task, "embedding", embedded, (count, length, width))
                    read = task.readout.pool(embedded, batch.attention_mask)
                    positions = (length,) if task.readout.positions is None else ()
                    _check_shape(task, "head", head(read), (count, *positions, task.target.size))


def _head(plugin: Subject, task: Task, width: int) -> Any:
    read_width = width * task.readout.length if isinstance(task.readout, Flatten) else width
    return plugin.plugins(task).output_head(task, read_width)


def _check_shape(task: Task, part: str, found: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(found.shape) != expected:
        raise ContractBroken(
            f"{task.name}: the {part} gives {tuple(found.shape)} where {expected} is asked",
            "take the width from embed_dim",
        )


def check_parameters(plugin: Subject) -> None:
    """The new parameters are a function of the seed, and trained ones stand under embedding, head or body."""
    for task in plugin.tasks:
        first, again, other = (plugin.arm(task, seed=seed, init_seed=0) for seed in (0, 0, 1))
        names = _new_parameters(first)
        if sorted(names) != sorted(_new_parameters(again)):
            raise ContractBroken(f"{task.name}: the names of its parameters differ from build to build")
        for name in names:
            if not _equal(first, again, name):
                raise ContractBroken(
                    f"{task.name}: {name} differs between two builds with one seed",
                    "draw it from torch's global generator, which the core seeds",
                )
        if all(_equal(first, other, name) for name in names):
            raise ContractBroken(f"{task.name}: its parameters do not depend on the seed")


def _new_parameters(arm: Arm) -> list[str]:
    groups = arm.partition.groups
    return [*groups["input"], *groups["head"]]


def _equal(one: Arm, other: Arm, name: str) -> bool:
    return one.model.get_parameter(name).equal(other.model.get_parameter(name))


def check_frozen(plugin: Subject) -> None:
    """Three steps of the core's own loop leave every frozen tensor as it was; no hook hangs on the body."""
    import fpt_plugins

    for task in plugin.tasks:
        hooked = [
            name
            for name, module in plugin.arm(task).model.backbone.named_modules()
            if module._forward_hooks or module._forward_pre_hooks  # noqa: SLF001 # torch has no public list
        ]
        if hooked:
            raise ContractBroken(f"{task.name} hangs a hook on the body: {hooked[0]}")
        record = fpt_plugins.train(
            task.name,
            out=plugin.folder / f"{task.name.replace('/', '-')}-frozen",
            steps=STEPS,
            batch_size=4,
            **plugin.settings(task),
        )
        if record.held_digest_before != record.held_digest_after:
            raise ContractBroken(f"{task.name}: a frozen tensor changed in {STEPS} steps")


def check_gradients(plugin: Subject) -> None:
    """Every new parameter gets a finite gradient that is not zero throughout."""
    import torch

    for task in plugin.tasks:
        arm, batch = plugin.arm(task), first_batch(plugin, task, 16, "train")
        arm.model.train()
        names = _new_parameters(arm)
        loss = task.target.losses(arm.outputs(batch), _targets(batch)).mean()
        parameters = [arm.model.get_parameter(name) for name in names]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is None or not gradient.isfinite().all() or not gradient.any():
                raise ContractBroken(
                    f"{task.name}: {name} gets {'no' if gradient is None else 'a zero or infinite'} gradient",
                    "a parameter that the outputs do not depend on never trains",
                )


def _targets(batch: Batch) -> Tensor:
    assert batch.targets is not None  # noqa: S101 # a split has targets; for the type checker
    return batch.targets


def check_batches(plugin: Subject) -> None:
    """An answer does not depend on what else is in the batch, nor on the order, nor on padding."""
    import torch

    for task in plugin.tasks:
        arm, dataset = plugin.arm(task), task.split("validation")
        arm.model.eval()
        samples = [dataset[index][0] for index in range(min(6, len(dataset)))]  # type: ignore[arg-type] # contract
        with torch.inference_mode():
            together = _outputs(arm, samples)
            reversed_order = _outputs(arm, samples[::-1])[::-1]
            alone = [_outputs(arm, [sample])[0] for sample in samples]
            padded = _outputs(arm, samples, padding=1)
        others = {"alone": alone, "in another order": reversed_order, "with other padding": padded}
        for what, found in others.items():
            for one, other in zip(together, found, strict=True):
                if one.shape != other.shape or (one - other).abs().max() > TOLERANCE:
                    raise ContractBroken(
                        f"{task.name}: a sample is answered otherwise {what} than in its batch",
                        "tokenize each sample by itself",
                    )


def _outputs(arm: Arm, samples: list[Any], padding: int = 0) -> list[Tensor]:
    from fpt_plugins.data import collate, tokenize

    batch = collate(arm.task, tokenize(arm.plugins, arm.task, samples))
    batch.tokens[~batch.attention_mask] = padding
    outputs = arm.outputs(batch)
    if arm.task.readout.positions is not None:
        return list(outputs)
    lengths = batch.attention_mask.sum(1).tolist()
    return [row[:length] for row, length in zip(outputs, lengths, strict=True)]


def check_scores(plugin: Subject) -> None:
    """Perfect outputs score 1 (an error, 0), and a batch's size changes no score."""
    import torch

    for task in plugin.tasks:
        batch = first_batch(plugin, task, 7)
        perfect = _perfect(task, _targets(batch))
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(perfect.shape, generator=generator)
        for metric in task.metrics:
            best = float(metric.higher_is_better)
            if abs(_score(metric, perfect, batch) - best) > TOLERANCE:
                raise ContractBroken(f"{task.name}: perfect outputs have {metric.name} other than {best:g}")
            whole = _score(metric, noise, batch)
            parts = _score(metric, noise, batch, sizes=(4, 1, len(batch) - 5) if len(batch) > 5 else (1,))
            if len(batch) > 5 and abs(whole - parts) > TOLERANCE:
                raise ContractBroken(
                    f"{task.name}: {metric.name} is {whole:.4f} in one batch and {parts:.4f} in three",
                    "give a numerator and a denominator for each sample",
                )


def _perfect(task: Task, targets: Tensor) -> Tensor:
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


def _score(metric: Any, outputs: Tensor, batch: Batch, sizes: tuple[int, ...] = ()) -> float:
    """A metric over a batch that is cut into parts of these sizes: a ratio of sums, as the core takes it."""
    from fpt_plugins.data import Batch

    above = below = 0.0
    start = 0
    for size in sizes or (len(batch),):
        part = slice(start, start := start + size)
        piece = Batch(batch.tokens[part], batch.attention_mask[part], _targets(batch)[part])
        numerators, denominators = metric.score(outputs[part], _targets(piece), piece)
        above, below = above + float(numerators.double().sum()), below + float(denominators.double().sum())
    return above / below
