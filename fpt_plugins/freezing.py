"""Which parameters train, and the proof that the others did not.

The model declares its groups; this module verifies that they add up, freezes what a policy does
not name, and takes digests of what is frozen. Frozen is ``requires_grad=False``, never
``no_grad``: gradients pass through frozen blocks to whatever trains below them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from fpt_plugins.backbone import BODY_GROUPS, GROUPS, Group
from fpt_plugins.digest import tensor_bytes
from fpt_plugins.errors import ConfigurationError, FrozenError, UnknownName

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module

    from fpt_plugins.model import FrozenPretrainedTransformer

POLICIES: Mapping[str, tuple[Group, ...]] = {
    "fpt": ("input", "head", "layer_norm", "position"),
    "head": ("head",),
    "full": ("input", "head", "layer_norm", "position", "attention", "mlp"),
}
"""Policies by name. ``fpt`` is the paper's. Any union of groups is a policy too."""


def trained_groups(policy: str) -> frozenset[Group]:
    """The groups that a policy trains: a name of ``POLICIES``, or groups joined by commas.

    Raises:
        UnknownName: A word that is neither a policy nor a group.

    Example:
        >>> sorted(trained_groups("head,layer_norm"))
        ['head', 'layer_norm']
    """
    found: set[Group] = set()
    for word in policy.split(","):
        name = word.strip()
        if name in POLICIES:
            found.update(POLICIES[name])
        elif name in GROUPS:
            found.add(name)
        else:
            raise UnknownName("freeze policy or parameter group", name, [*POLICIES, *GROUPS])
    return frozenset(found)


@attrs.frozen(kw_only=True)
class Partition:
    """A model's parameters, each under one group, and the groups that train.

    Args:
        policy: As the user wrote it.
        groups: Parameter names by group, in the model's own order.
        sizes: Elements by parameter name.
        trained: The groups that train.
    """

    policy: str
    groups: Mapping[Group, tuple[str, ...]]
    sizes: Mapping[str, int]
    trained: frozenset[Group]

    @property
    def trained_names(self) -> tuple[str, ...]:
        """The names of the parameters that train."""
        return tuple(name for group in GROUPS if group in self.trained for name in self.groups.get(group, ()))

    def count(self, group: Group) -> int:
        """Elements of one group."""
        return sum(self.sizes[name] for name in self.groups.get(group, ()))

    @property
    def trained_count(self) -> int:
        """Elements that train."""
        return sum(self.sizes[name] for name in self.trained_names)

    @property
    def total_count(self) -> int:
        """Elements in all."""
        return sum(self.sizes.values())


def freeze(model: FrozenPretrainedTransformer, policy: str) -> Partition:
    """Freezes every parameter whose group ``policy`` does not name.

    Raises:
        UnknownName: The policy names no such group.
        ConfigurationError: Nothing would train.
        FrozenError: The body's declared groups overlap or do not sum to the whole.
    """
    groups, trained = parameter_groups(model), trained_groups(policy)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    partition = Partition(policy=policy, groups=groups, sizes=sizes, trained=trained)
    if partition.trained_count == 0:
        raise ConfigurationError(f"--train {policy} trains nothing: this model has no such parameters")
    names = set(partition.trained_names)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
    return partition


def parameter_groups(model: FrozenPretrainedTransformer) -> dict[Group, tuple[str, ...]]:
    """Every parameter's name under one group, as the parts declare and as is verified here."""
    body = model.backbone.parameter_groups()
    groups: dict[Group, tuple[str, ...]] = {
        "input": tuple(f"input_embedding.{name}" for name, _ in model.input_embedding.named_parameters()),
        "head": tuple(f"output_head.{name}" for name, _ in model.output_head.named_parameters()),
    }
    for group in BODY_GROUPS:
        groups[group] = tuple(f"backbone.{name}" for name in body.get(group, ()))
    _check_groups(body.keys() - set(BODY_GROUPS), groups, {name for name, _ in model.named_parameters()})
    return groups


def _check_groups(unknown: set[str], groups: Mapping[Group, tuple[str, ...]], names: set[str]) -> None:
    declared = [name for members in groups.values() for name in members]
    twice = (
        {name for name in declared if declared.count(name) > 1}
        if len(declared) != len(set(declared))
        else set()
    )
    problems = {
        "are no groups": unknown,
        "stand in two groups": twice,
        "stand in no group": names - set(declared),
        "are declared but not there": set(declared) - names,
    }
    for problem, found in problems.items():
        if found:
            raise FrozenError(
                f"the backbone's parameter groups do not add up: {', '.join(sorted(found))} {problem}"
            )


def hold_frozen(model: Module, partition: Partition, dtype: torch.dtype) -> None:
    """Stores the frozen matrices once in the type they are multiplied in.

    Only the attention and feed-forward weights: norms and positions act on the residual stream,
    which stays in fp32. Under autocast this changes no result: it casts these weights at every
    step anyway.
    """
    for group in ("attention", "mlp"):
        if group not in partition.trained:
            for name in partition.groups[group]:
                parameter = model.get_parameter(name)
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
    layout = f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()}\n"
    found = hashlib.sha256(layout.encode())
    found.update(tensor_bytes(tensor))
    return found.hexdigest()
