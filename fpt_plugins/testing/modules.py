"""L3, trains: the modules that a plugin builds, by their shapes, names and gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from fpt_plugins.readout import Flatten
from fpt_plugins.sequence import TokenIds
from fpt_plugins.testing.drawing import first_batch, targets_of
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module

    from fpt_plugins.arm import Arm
    from fpt_plugins.data import Batch
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

WIDTHS = (16, 32, 48)
STEPS = 10


def check_widths(plugin: Subject) -> None:
    """Embedding and head fit three widths, and follow their input's type and device; bf16 and meta too."""
    for task in plugin.tasks:
        batch, plugins = first_batch(plugin, task), plugin.plugins(task)
        count, length = batch.attention_mask.shape
        for width in WIDTHS:
            embedding = plugins.input_embedding(task, width)
            embedded = embedding(batch.tokens)
            _follow(task, "embedding", embedding, batch.tokens, (count, length, width))
            read = task.readout.pool(embedded, batch.attention_mask).detach()
            positions = (length,) if task.readout.positions is None else ()
            head = plugins.output_head(task, _read_width(task, width))
            _follow(task, "head", head, read, (count, *positions, task.target.size))


def _read_width(task: Task, width: int) -> int:
    return width * task.readout.length if isinstance(task.readout, Flatten) else width


def _follow(task: Task, part: str, module: Module, given: Tensor, shape: tuple[int, ...]) -> None:
    """The module in fp32, under bf16 autocast, moved to float64 and bf16, and on the meta device."""
    import torch

    def check(where: str, moved: Tensor, dtype: torch.dtype, device: str = "cpu") -> None:
        found = _called(task, part, module, moved, where)
        _check(task, part, found, _Expected(shape, dtype, device))

    def typed(dtype: torch.dtype) -> Tensor:
        return given.to(dtype) if given.is_floating_point() else given

    check("in float32", given, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = _called(task, part, module, given, "under bf16 autocast")
        _check(task, part, found, _Expected(shape, found.dtype, "cpu"))
    for dtype in (torch.float64, torch.bfloat16):
        module.to(dtype)
        check(f"in {dtype}", typed(dtype), dtype)
    module.to("meta")
    check("on the meta device", typed(torch.bfloat16).to("meta"), torch.bfloat16, "meta")


def _called(task: Task, part: str, module: Module, given: Tensor, where: str) -> Tensor:
    try:
        found: Tensor = module(given)
    except Exception as error:
        raise ContractBroken(
            f"{task.name}: the {part} fails {where}: {type(error).__name__}: {error}",
            "make every tensor on the device and in the type of the input",
        ) from error
    return found


@attrs.frozen
class _Expected:
    """What a module shall give."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: str


def _check(task: Task, part: str, found: Tensor, expected: _Expected) -> None:
    if tuple(found.shape) != expected.shape:
        raise ContractBroken(
            f"{task.name}: the {part} gives {tuple(found.shape)} where {expected.shape} is asked",
            "take the width from embed_dim",
        )
    if (found.dtype, found.device.type) != (expected.dtype, expected.device):
        raise ContractBroken(
            f"{task.name}: the {part} gives {found.dtype} on {found.device} for {expected.dtype} on "
            f"{expected.device}",
            "make every tensor on the device and in the type of the input",
        )


def check_parameters(plugin: Subject) -> None:
    """New parameters have the names that are declared, are a function of the seed, and all are optimized."""
    for task in plugin.tasks:
        first, again, other = (plugin.arm(task, seed=seed, init_seed=0) for seed in (0, 0, 1))
        names = new_parameters(first)
        _check_names(plugin, task, names)
        _check_optimizer(task, first)
        for name in names:
            if not _equal(first, again, name):
                raise ContractBroken(
                    f"{task.name}: {name} differs between two builds with one seed",
                    "draw it from torch's global generator, which the core seeds",
                )
        if all(_equal(first, other, name) for name in names):
            raise ContractBroken(f"{task.name}: its parameters do not depend on the seed")


def new_parameters(arm: Arm) -> list[str]:
    """The names of the parameters of the task's embedding and head."""
    groups = arm.partition.groups
    return [*groups["input"], *groups["head"]]


def _check_names(plugin: Subject, task: Task, names: list[str]) -> None:
    """Adapters of today load tomorrow only where names stay: the list is written down."""
    declared = plugin.declaration(task.name).parameters
    expected = _names_of_defaults(task) if declared is None else declared
    if set(names) != set(expected):
        listed = ", ".join(f'"{name}"' for name in names)
        raise ContractBroken(
            f"{task.name} has the parameters {', '.join(names)}, where {', '.join(expected)} are expected",
            f"where this is meant, in conformance.toml: parameters = [{listed}]",
        )


def _names_of_defaults(task: Task) -> tuple[str, ...]:
    """Of the core's own embedding and head."""
    head = "output_head" if task.readout.positions is None else "output_head.0"
    bias = () if isinstance(task.sequence, TokenIds) else ("input_embedding.bias",)
    return ("input_embedding.weight", *bias, f"{head}.weight", f"{head}.bias")


def _check_optimizer(task: Task, arm: Arm) -> None:
    from fpt_plugins.finite_steps import moved_parameters
    from fpt_plugins.optimizer import make_optimizer

    moved = {id(parameter) for parameter in moved_parameters(make_optimizer(arm))}
    due = {id(p) for p in arm.model.parameters() if p.requires_grad}
    if moved != due or len(due) != len(arm.partition.trained_names):
        raise ContractBroken(
            f"{task.name}: {len(due)} tensors require gradients, {len(moved)} are optimized, and "
            f"{len(arm.partition.trained_names)} are named by the policy"
        )


def _equal(one: Arm, other: Arm, name: str) -> bool:
    return one.model.get_parameter(name).equal(other.model.get_parameter(name))


def check_gradients(plugin: Subject) -> None:
    """Every new parameter gets a finite gradient that is not zero throughout, and moves within ten steps."""
    import torch

    for task in plugin.tasks:
        arm, batch = plugin.arm(task), first_batch(plugin, task, 16, "train")
        arm.model.train()
        names = new_parameters(arm)
        parameters = [arm.model.get_parameter(name) for name in names]
        gradients = torch.autograd.grad(_loss(arm, batch), parameters, allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is None or not gradient.isfinite().all() or not gradient.any():
                raise ContractBroken(
                    f"{task.name}: {name} gets {'no' if gradient is None else 'a zero or infinite'} gradient",
                    "a parameter that the outputs do not depend on never trains",
                )
        _check_moves(task, arm, batch)


def _check_moves(task: Task, arm: Arm, batch: Batch) -> None:
    import torch

    from fpt_plugins.optimizer import make_optimizer

    before = {name: arm.model.get_parameter(name).detach().clone() for name in new_parameters(arm)}
    optimizer = make_optimizer(arm)
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.autograd.backward(_loss(arm, batch))
        optimizer.step()
    for name, value in before.items():
        if arm.model.get_parameter(name).equal(value):
            raise ContractBroken(f"{task.name}: {name} has not moved in {STEPS} steps", "let Adam have it")


def _loss(arm: Arm, batch: Batch) -> Tensor:
    return arm.task.target.losses(arm.outputs(batch), targets_of(batch)).mean()
