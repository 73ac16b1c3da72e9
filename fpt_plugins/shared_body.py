"""One body in memory for many arms: frozen tensors are the same objects, trained ones each arm's own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.row_wise import is_position_table

if TYPE_CHECKING:
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.model import FrozenPretrainedTransformer

LENGTH = "max_length"
"""The one option of a backbone that may differ: positions beyond a run's own are never read."""


def share(body: Any) -> Any:
    """The body's modules anew, holding the very tensors of ``body``."""
    tensors: Iterable[Any] = [*body.parameters(), *body.buffers()]
    return copy.deepcopy(body, {id(tensor): tensor for tensor in tensors})


def own_trained(model: FrozenPretrainedTransformer, trained: Iterable[str]) -> None:
    """Gives a model that shares its body the trained tensors of it to itself, as copies.

    Of a table of positions it takes the rows that its task needs.
    """
    model.backbone.max_length = length = model.task.sequence.max_length
    for name in trained:
        owner, _, leaf = name.rpartition(".")
        if not name.startswith("backbone."):
            continue
        module, shared = model.get_submodule(owner), model.get_parameter(name)
        rows = length if is_position_table(model, owner) else len(shared)
        setattr(module, leaf, nn.Parameter(shared.detach()[:rows].clone()))
        shared.requires_grad_(False)


def body_facts(source_digest: str, configuration: Configuration) -> dict[str, Any]:
    """What must be equal for two arms to be served by one pass through one body.

    The parts of the fast path and compilation are not among it: without dropout they change no result
    beyond the last bits, and adapters answer together that were trained with and without them. For
    training see :func:`fpt_plugins.fast_path.dropout_facts`.
    """
    options = {name: value for name, value in configuration.backbone_options.items() if name != LENGTH}
    return {
        "backbone": configuration.backbone,
        "backbone options": options,
        "source digest": source_digest,
        "precision": configuration.precision,
        "quantization": configuration.quantize,
    }


def check_one_body(facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses arms that do not stand on one body and compute with it alike.

    Args:
        facts: Of each arm, by its name.

    Raises:
        ConfigurationError: The first that differs is named, with what differs.
    """
    (first, expected), *others = facts.items()
    for name, found in others:
        for fact, value in found.items():
            if value != expected[fact]:
                raise ConfigurationError(
                    f"{first} and {name} cannot share a pass: {fact} {expected[fact]}, and {value}",
                    "load each alone, or train them on one body",
                )
