"""Freeze policies by name: each says which parameters of a model train."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from fpt_plugins.backbone import ADDED_GROUPS, GROUPS, Group
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.groups import parameter_groups

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from fpt_plugins.model import FrozenPretrainedTransformer


class Policy(abc.ABC):
    """A choice of parameters, by the structure of the model that they belong to."""

    @abc.abstractmethod
    def select(self, model: FrozenPretrainedTransformer) -> frozenset[str]:
        """The names of the parameters that train."""


@attrs.frozen
class WholeGroups(Policy):
    """All parameters of some groups.

    Args:
        groups: Which.
    """

    groups: tuple[Group, ...]

    def select(self, model: FrozenPretrainedTransformer) -> frozenset[str]:
        declared = parameter_groups(model)
        if absent := [group for group in self.groups if group not in declared]:
            raise ConfigurationError(f"--train {absent[0]}: nothing of the kind was added to this body")
        return frozenset(name for group in self.groups for name in declared[group])


@attrs.frozen
class LastBlock(Policy):
    """The body's last block, whatever it holds, with the input embedding and the head."""

    def select(self, model: FrozenPretrainedTransformer) -> frozenset[str]:
        if not hasattr(model.backbone, "blocks"):
            raise ConfigurationError(
                f"--train last-block: the body {type(model.backbone).__name__} does not declare its blocks",
                "a body declares them by a method blocks(); name groups instead: --train fpt",
            )
        last: list[str] = next(reversed(model.backbone.blocks()), [])
        return _SURROUNDINGS.select(model).union(f"backbone.{name}" for name in last)


@attrs.frozen
class Biases(Policy):
    """All biases of the body, with the input embedding and the head (Ben Zaken et al., 2022, BitFit)."""

    def select(self, model: FrozenPretrainedTransformer) -> frozenset[str]:
        found = {
            f"backbone.{owner}.{leaf}" if owner else f"backbone.{leaf}"
            for owner, module in model.backbone.named_modules()
            for leaf, parameter in module.named_parameters(recurse=False)
            if _is_bias(module, leaf, parameter)
        }
        return _SURROUNDINGS.select(model) | found - _added(model)


def _added(model: FrozenPretrainedTransformer) -> frozenset[str]:
    declared = parameter_groups(model)
    return frozenset(name for group in ADDED_GROUPS for name in declared.get(group, ()))


def _is_bias(module: Module, leaf: str, parameter: Tensor) -> bool:
    """Torch's recurrent layers and attention name their own otherwise: they are their vectors."""
    from torch import nn

    return leaf == "bias" or (isinstance(module, nn.RNNBase | nn.MultiheadAttention) and parameter.ndim == 1)


_SURROUNDINGS = WholeGroups(("input", "head"))

POLICIES: Mapping[str, Policy] = {
    "fpt": WholeGroups(("input", "head", "layer_norm", "position")),
    "head": WholeGroups(("head",)),
    "last-block": LastBlock(),
    "bitfit": Biases(),
    "full": WholeGroups(("input", "head", "layer_norm", "position", "attention", "mlp")),
    **{group: WholeGroups(("input", "head", group)) for group in ADDED_GROUPS},
}
"""Policies by name. ``fpt`` is the paper's. Any group, and any union, is a policy too.

What ``ADDED_GROUPS`` name is added to the body first (:mod:`fpt_plugins.additions`).
"""


@attrs.frozen
class Joined(Policy):
    """What any of several policies trains.

    Args:
        policies: Which.
    """

    policies: tuple[Policy, ...]

    def select(self, model: FrozenPretrainedTransformer) -> frozenset[str]:
        return frozenset().union(*(policy.select(model) for policy in self.policies))


def find_policy(words: str) -> Policy:
    """The policy that ``words`` spell: names of ``POLICIES`` and groups, joined by commas.

    Raises:
        UnknownName: A word that is neither a policy nor a group.

    Example:
        >>> find_policy("head").groups
        ('head',)
        >>> len(find_policy("head, bitfit").policies)
        2
    """
    found = tuple(_word(word.strip()) for word in words.split(","))
    return found[0] if len(found) == 1 else Joined(found)


def _word(name: str) -> Policy:
    if name in POLICIES:
        return POLICIES[name]
    if name in GROUPS:
        return WholeGroups((name,))
    raise UnknownName("freeze policy or parameter group", name, {*POLICIES, *GROUPS})
