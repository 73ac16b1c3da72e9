"""What must be said of a Hugging Face architecture before its bodies can be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from fpt_plugins.backbone import Group

if TYPE_CHECKING:
    from torch.nn import Module

_OLD_LEAVES = {"gamma": "weight", "beta": "bias"}  # norms of checkpoints that were converted from TensorFlow


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
        positions: As above.
        keys: The other keys that are handed on. What is not named here never reaches the library.
        required: Keys that, where present, must have this value.
        constants: Keys that we set whatever the file says.
        dropouts: Keys of every dropout inside the body.
        causality: What to set for a causal body (``True``) and for one that sees both ways; an
            absent one is refused. The first is the architecture's own way.
        prefix: Before every name in files that were saved with a head.
        blocks: The list of blocks, as an attribute path.
        position_table: The name of the table of positions.
        first_position: Rows of the table before position 0.
        residual_outputs: Within a block, the matrices that write to the residual stream.
        unused: Patterns of names (without prefix) that a file may hold and the body does not use.
        parameter_groups: From the module to the submodules of each group.
        attentions: From the module to the submodules that compute attention.
    """

    model_type: str
    configuration_class: str
    model_class: str
    model_arguments: Mapping[str, Any] = attrs.field(factory=dict)
    width: str
    layers: str
    heads: str
    positions: str
    keys: tuple[str, ...]
    required: Mapping[str, Any] = attrs.field(factory=dict)
    constants: Mapping[str, Any] = attrs.field(factory=dict)
    dropouts: tuple[str, ...]
    causality: Mapping[bool, Mapping[str, Any]]
    prefix: str
    blocks: str
    position_table: str
    first_position: int = 0
    residual_outputs: tuple[str, ...]
    unused: tuple[str, ...]
    parameter_groups: Callable[[Any], dict[Group, list[Module]]]
    attentions: Callable[[Any], list[Any]]

    @property
    def causal(self) -> bool:
        """Its own way of seeing."""
        return next(iter(self.causality))

    def body_name(self, file_name: str) -> str:
        """The module's name of a tensor that a file calls ``file_name``."""
        owner, dot, leaf = file_name.removeprefix(self.prefix).rpartition(".")
        return f"{owner}{dot}{_OLD_LEAVES.get(leaf, leaf)}"

    def is_unused(self, body_name: str) -> bool:
        """Whether a file may hold this tensor although the body does not use it."""
        return any(re.fullmatch(pattern, body_name) for pattern in self.unused)

    def block_of(self, body_name: str) -> int | None:
        """The number of the block that a tensor belongs to, if any."""
        match = re.match(rf"{re.escape(self.blocks)}\.(\d+)\.", body_name)
        return int(match[1]) if match else None

    def writes_to_residual(self, body_name: str) -> bool:
        """Whether a tensor is one of the matrices that ``gpt2-scaled`` scales down."""
        start = f"{self.blocks}.{self.block_of(body_name)}."
        return body_name.removeprefix(start) in self.residual_outputs
