"""What must be said of a Hugging Face architecture before its bodies can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import attrs

from fpt_plugins.backbone import Group
from fpt_plugins.backbones.attention_recording import recorded
from fpt_plugins.backbones.last_block import LastBlock
from fpt_plugins.backbones.tensor_names import TensorNames

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def call_with_positions(
    model: Any, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor
) -> Tensor:
    """The library's forward pass, told which position each embedding has."""
    hidden_states: Tensor = model(
        inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids
    ).last_hidden_state
    return hidden_states


@attrs.frozen(kw_only=True)
class Architecture:
    """A declaration: adding an architecture is writing one of these.

    Args:
        model_type: Its name in ``config.json``.
        configuration_class: In ``transformers``.
        model_class: In ``transformers``: the body without a head.
        model_arguments: Passed to the model class beside the configuration.
        width: The key of ``config.json`` that holds it; likewise ``layers``, ``heads``, ``positions``.
        layers: As above.
        heads: As above.
        positions: As above; ``None`` where any length will do. With no table of positions among the
            tensors it is what a rotary body was trained to.
        head_width: Likewise the width of a head, where it is no quotient of the two.
        keys: The other keys that are handed on. What is not named here never reaches the library.
        required: Keys that, where present, must have this value.
        constants: Keys that we set whatever the file says.
        dropouts: Keys of every dropout inside the body.
        causality: What to set for a causal body (``True``) and for one that sees both ways; an
            absent one is refused. The first is the architecture's own way.
        tensor_names: Which tensor of a file is which of the body.
        first_position: Rows of the table of positions before position 0.
        library_offset: How many of these the library itself adds to the number of positions.
        check: Raises ``ConfigurationError`` for a variant that is not built, given the configuration
            and whose it is.
        parameter_groups: From the module to the submodules of each group.
        attentions: From the module to the submodules that compute attention.
        drop_unused: Removes what the module has and no run of ours uses, beside the vocabulary.
        call: From the module, embeddings ``[B, T, D]``, mask ``[B, T]`` and position ids ``[1, T]`` to
            hidden states ``[B, T, D]``.
        recorded: From the module to a context in which each layer, as it computes, appends its
            weights of attention ``[B, heads, T, T]`` to a list.
        last_block: How its last block computes some positions alone; ``None`` where it always
            computes all.
    """

    model_type: str
    configuration_class: str
    model_class: str
    model_arguments: Mapping[str, Any] = attrs.field(factory=dict)
    width: str
    layers: str
    heads: str
    positions: str | None
    head_width: str | None = None
    keys: tuple[str, ...]
    required: Mapping[str, Any] = attrs.field(factory=dict)
    constants: Mapping[str, Any] = attrs.field(factory=dict)
    dropouts: tuple[str, ...]
    causality: Mapping[bool, Mapping[str, Any]]
    tensor_names: TensorNames
    first_position: int = 0
    library_offset: int = 0
    check: Callable[[Mapping[str, Any], str], None] = lambda _configuration, _owner: None
    parameter_groups: Callable[[Any], dict[Group, list[Module]]]
    attentions: Callable[[Any], list[Any]]
    drop_unused: Callable[[Any], None] = lambda _model: None
    call: Callable[[Any, Tensor, Tensor, Tensor], Tensor] = call_with_positions
    recorded: Callable[[Any], AbstractContextManager[list[Tensor]]] = recorded
    last_block: LastBlock | None = None

    @property
    def causal(self) -> bool:
        """Its own way of seeing."""
        return next(iter(self.causality))
