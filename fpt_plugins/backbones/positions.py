"""Tables of positions: which rows a run holds, and how a table is made longer than it was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor


def check_length(owner: str, length: int, positions: int | None, max_length: int | None, beyond: str) -> None:
    """Refuse sequences that are longer than what was trained, before anything is loaded.

    Args:
        owner: The backbone, for the message.
        length: The longest sequence that will come.
        positions: What it was trained to; ``None`` where any length will do.
        max_length: What the user asked for instead.
        beyond: What becomes of positions that were never trained, for the message.

    Raises:
        ConfigurationError: With the flag that extends the table.
    """
    limit = positions if max_length is None else max_length
    if limit is not None and length > limit:
        raise ConfigurationError(
            f"sequences of {length} tokens are longer than the {limit} positions of {owner}",
            f"add --backbone-option max_length={length} (positions beyond {positions or limit} {beyond})",
        )


def check_rows(length: int, rows: int) -> None:
    """Refuse sequences that are longer than a drawn table, which may have any length.

    Args:
        length: The longest sequence that will come.
        rows: What the user asked for; 0 is no table, which fits all.

    Raises:
        ConfigurationError: With the flag that draws more.
    """
    if rows and length > rows:
        raise ConfigurationError(
            f"sequences of {length} tokens are longer than the {rows} positions that were asked for",
            f"add --backbone-option positions={length}",
        )


def check_fits(inputs_embeds: Tensor, max_length: int) -> None:
    """Refuse embeddings ``[B, T, D]`` with more tokens than a body was built for.

    Raises:
        ConfigurationError: ``T`` is more than ``max_length``.
    """
    length = inputs_embeds.shape[1]
    if length > max_length:
        raise ConfigurationError(f"{length} tokens do not fit {max_length} positions")


def tile(table: Tensor, rows: int) -> Tensor:
    """The first ``rows`` rows of a table ``[N, D]`` repeated without end, as a copy ``[rows, D]``.

    Longformer extended RoBERTa's table in this way (Beltagy et al., 2020, section 5).

    Example:
        >>> import torch
        >>> tile(torch.tensor([[1.0], [2.0]]), 3).flatten().tolist()
        [1.0, 2.0, 1.0]
    """
    import torch

    return table[torch.arange(rows) % len(table)]
