"""Which tensor of a file is which tensor of a body: decided by declared names, never by likeness."""

from __future__ import annotations

import re

import attrs

_OLD_LEAVES = {"gamma": "weight", "beta": "bias"}  # norms of checkpoints that were converted from TensorFlow


@attrs.frozen(kw_only=True)
class TensorNames:
    """The names in an architecture's files.

    Args:
        prefix: Before every name in files that were saved with a head.
        blocks: The list of blocks, as an attribute path.
        position_table: The table of positions, of which a run holds the rows that it uses, if there is one.
        token_tables: The token embeddings, by each name that files have for them; no body holds them.
        residual_outputs: Within a block, the matrices that write to the residual stream.
        unused: Patterns of names (without prefix) that a file may hold and the body does not use.

    Example:
        >>> names = TensorNames(prefix="bert.", blocks="encoder.layer", position_table="", unused=("cls.*",),
        ...                     residual_outputs=("output.dense.weight",))
        >>> names.of_body("bert.encoder.layer.3.output.LayerNorm.gamma")
        'encoder.layer.3.output.LayerNorm.weight'
        >>> names.block("encoder.layer.3.output.LayerNorm.weight")
        3
    """

    prefix: str
    blocks: str
    position_table: str | None = None
    token_tables: tuple[str, ...] = ()
    residual_outputs: tuple[str, ...]
    unused: tuple[str, ...]

    def of_body(self, file_name: str) -> str:
        """The module's name of a tensor that a file calls ``file_name``."""
        owner, dot, leaf = file_name.removeprefix(self.prefix).rpartition(".")
        return f"{owner}{dot}{_OLD_LEAVES.get(leaf, leaf)}"

    def is_unused(self, body_name: str) -> bool:
        """Whether a file may hold this tensor although the body does not use it."""
        return body_name in self.token_tables or any(
            re.fullmatch(pattern, body_name) for pattern in self.unused
        )

    def block(self, body_name: str) -> int | None:
        """The number of the block that a tensor belongs to, if any."""
        match = re.match(rf"{re.escape(self.blocks)}\.(\d+)\.", body_name)
        return int(match[1]) if match else None

    def sublayer_outputs(self, block: int) -> list[str]:
        """The layers of one block that write to the residual stream."""
        return [f"{self.blocks}.{block}.{matrix.removesuffix('.weight')}" for matrix in self.residual_outputs]

    def writes_to_residual(self, body_name: str) -> bool:
        """Whether a tensor is one of the matrices that ``gpt2-scaled`` scales down."""
        return body_name.removeprefix(f"{self.blocks}.{self.block(body_name)}.") in self.residual_outputs
