"""Which parameters train, and the proof that the others did not.

This module freezes what a policy does not select, and takes digests of what is frozen. Frozen is
``requires_grad=False``, never ``no_grad``: gradients pass through frozen blocks to whatever trains
below them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from fpt_plugins.backbone import GROUPS, Group
from fpt_plugins.digest import tensor_bytes
from fpt_plugins.errors import ConfigurationError, FrozenError
from fpt_plugins.groups import parameter_groups
from fpt_plugins.policies import find_policy
from fpt_plugins.stages import TrainedStage, read_stages

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module

    from fpt_plugins.model import FrozenPretrainedTransformer


@attrs.frozen(kw_only=True)
class Partition:
    """A model's parameters, each under one group, and those that train.

    Args:
        policy: As the user wrote it.
        groups: Parameter names by group, in the model's own order.
        sizes: Elements by parameter name.
        trained_names: The names of the parameters that train in any stage, group by group.
        stages: What each stage trains; one stage where the policy names no more.
    """

    policy: str
    groups: Mapping[Group, tuple[str, ...]]
    sizes: Mapping[str, int]
    trained_names: tuple[str, ...]
    stages: tuple[TrainedStage, ...]

    @property
    def trained(self) -> frozenset[Group]:
        """The groups of which some parameter trains."""
        return frozenset(group for group in self.groups if self.trained_of(group))

    def trained_of(self, group: Group) -> tuple[str, ...]:
        """The names of the parameters of one group that train."""
        trained = set(self.trained_names)
        return tuple(name for name in self.groups.get(group, ()) if name in trained)

    def count(self, group: Group) -> int:
        """Elements of one group."""
        return self._elements(self.groups.get(group, ()))

    def count_trained(self, group: Group) -> int:
        """Elements of one group that train."""
        return self._elements(self.trained_of(group))

    @property
    def trained_count(self) -> int:
        """Elements that train."""
        return self._elements(self.trained_names)

    @property
    def total_count(self) -> int:
        """Elements in all."""
        return self._elements(self.sizes)

    def _elements(self, names: Iterable[str]) -> int:
        return sum(self.sizes[name] for name in names)


def freeze(model: FrozenPretrainedTransformer, policy: str) -> Partition:
    """Freezes every parameter that ``policy`` selects in none of its stages.

    Raises:
        UnknownName: The policy is none that we know.
        ConfigurationError: Nothing would train in some stage, or the body cannot tell what the policy
            asks for.
        FrozenError: The body's declared groups overlap or do not sum to the whole.
    """
    groups = parameter_groups(model)
    stages = tuple(TrainedStage(s, find_policy(s.policy).select(model)) for s in read_stages(policy))
    selected = frozenset().union(*(stage.names for stage in stages))
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    if unknown := sorted(selected - sizes.keys()):
        raise FrozenError(f"--train {policy}: the backbone declares {unknown[0]}, which is not there")
    partition = Partition(
        policy=policy,
        groups=groups,
        sizes=sizes,
        trained_names=tuple(name for group in GROUPS for name in groups.get(group, ()) if name in selected),
        stages=stages,
    )
    for each in stages:
        if not each.names:
            raise ConfigurationError(
                f"--train {each.policy} trains nothing: this model has no such parameters"
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in selected)
    return partition


def hold_frozen(model: Module, partition: Partition, dtype: torch.dtype) -> None:
    """Stores the frozen matrices once in the type they are multiplied in.

    Only the attention and feed-forward weights: norms and positions act on the residual stream,
    which stays in fp32. Under autocast this changes no result: it casts these weights at every
    step anyway.
    """
    for group in ("attention", "mlp"):
        for name in set(partition.groups[group]) - set(partition.trained_names):
            parameter = model.get_parameter(name)
            if parameter.dtype != dtype:  # a quantized one of a shared body has it
                parameter.data = parameter.data.to(dtype)


class FrozenState:
    """What is frozen, as it was at one moment: a SHA-256 of each frozen parameter and buffer.

    The digest covers the values as held in memory, with their type and memory layout, so it is
    compared within one process. The weights' own digest is the backbone's ``source_digest``.

    Args:
        model: The model; its parameters without ``requires_grad`` and all buffers are frozen.
    """

    def __init__(self, model: Module) -> None:
        self._digests = _frozen_digests(model)

    @property
    def held_digest(self) -> str:
        """One SHA-256 over all of them."""
        lines = "".join(f"{name} {value}\n" for name, value in sorted(self._digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def verify(self, model: Module) -> None:
        """Compares with the model as it is now.

        Raises:
            FrozenError: A frozen tensor changed, came or went; the first one is named.
        """
        now = _frozen_digests(model)
        for name in sorted(self._digests.keys() | now.keys()):
            if self._digests.get(name) != now.get(name):
                raise FrozenError(
                    f"the frozen tensor {name} changed while training",
                    "nothing else may write to the body: look for a hook, a tied weight, or an in-place edit",
                )


def _frozen_digests(model: Module) -> dict[str, str]:
    tensors = {name: parameter for name, parameter in model.named_parameters() if not parameter.requires_grad}
    tensors.update(model.named_buffers())  # type: ignore[arg-type] # a buffer is a Tensor, as a Parameter is
    return {name: _held_digest(tensor) for name, tensor in tensors.items()}


def _held_digest(tensor: Tensor) -> str:
    found = hashlib.sha256()
    for part in _parts(tensor):
        found.update(f"{part.dtype} {tuple(part.shape)} {part.stride()}\n".encode())
        found.update(tensor_bytes(part))
    return found.hexdigest()


def _parts(tensor: Tensor) -> list[Tensor]:
    """What a tensor is made of: itself, or of a quantized one its numbers and their scales."""
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if not is_traceable_wrapper_subclass(tensor):
        return [tensor]
    names, _ = tensor.__tensor_flatten__()
    return [getattr(tensor, name) for name in names]
