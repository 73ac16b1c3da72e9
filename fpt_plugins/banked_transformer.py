"""Several models around one body, which compute in one pass: each row of a batch with its own adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpt_plugins.row_streams import RowStreams
from fpt_plugins.row_wise import Rows, RowWise, make_row_wise
from fpt_plugins.shared_body import share

if TYPE_CHECKING:
    from fpt_plugins.data import Batch
    from fpt_plugins.model import FrozenPretrainedTransformer
    from fpt_plugins.parameter_matrix import ParameterMatrix
    from fpt_plugins.streams import Stream


class BankedTransformer(nn.Module):
    """Several models around one body: their embeddings and heads, and its norms and positions row-wise.

    The parameters stay each model's own: nothing is copied, and what one adapter's rows give a
    gradient to belongs to that adapter alone. Where models train together, norms and positions are read
    from one matrix of all (:meth:`read_from`), and its backward pass is the way to their gradients.

    Args:
        models: Those of the adapters, by their place in the bank.
        body: The longest of their bodies, whose frozen modules compute.
        owners: The body's submodules that some adapter trains; each has a row-wise form.
        draws: Whether the body draws at random while it trains: its dropout is on.
    """

    def __init__(
        self,
        models: Sequence[FrozenPretrainedTransformer],
        body: Any,
        owners: Sequence[str],
        *,
        draws: bool,
    ) -> None:
        super().__init__()
        self.rows = Rows()
        self.backbone = share(body)
        make_row_wise(self.backbone, owners, [model.backbone for model in models], self.rows)
        self.models = nn.ModuleList(models)  # so that their parameters are this module's
        self._models, self._body_draws = tuple(models), draws

    def read_from(self, matrix: ParameterMatrix) -> None:
        """Lets norms and positions read what every model trains from one matrix, which holds all of it.

        From then on the gradients come by :meth:`fpt_plugins.parameter_matrix.ParameterMatrix.backward`.
        """
        for module in self.backbone.modules():
            if isinstance(module, RowWise):
                module.read_from(matrix)

    def forward(
        self, batches: Mapping[int, Batch], streams: Mapping[int, Stream] | None = None
    ) -> dict[int, Tensor]:
        """The outputs of each adapter's batch, by its place: one pass through the body for all of them.

        Batches of several lengths are padded to the longest under their masks. Where a batch brings
        the features of the body, its head alone computes.

        Args:
            batches: Each adapter's, by its place in the bank.
            streams: What each adapter's dropout draws from; the global generators where not given.
        """
        draws = _Draws(streams)
        read = self._features({place: b for place, b in batches.items() if b.features is None}, draws)
        return {
            place: self._outputs(place, batch, read.get(place, batch.features), draws)
            for place, batch in batches.items()
        }

    def _features(self, batches: Mapping[int, Batch], draws: _Draws) -> dict[int, Tensor]:
        """What each adapter's head reads ``[b, n, D]``."""
        if not batches:
            return {}
        length = max(batch.tokens.shape[1] for batch in batches.values())
        embeds = [self._embed(place, batch, length, draws) for place, batch in batches.items()]
        masks = [_padded(batch.attention_mask, length) for batch in batches.values()]
        counts = [(place, len(batch)) for place, batch in batches.items()]
        own_numbers = draws.by_row(counts) if self._body_draws else nullcontext()
        positions = self._read_positions(batches)
        with self.rows.of(counts, embeds[0].device), own_numbers:
            if positions is not None:
                read = self.backbone.read(torch.cat(embeds), torch.cat(masks), positions)  # [B, n, D]
                return dict(zip(batches, read.split([count for _, count in counts]), strict=True))
            hidden_states = self.backbone(torch.cat(embeds), torch.cat(masks))  # [B, T, D]
        parts = hidden_states.split([count for _, count in counts])
        return {
            place: self._pool(place, batch, part)
            for (place, batch), part in zip(batches.items(), parts, strict=True)
        }

    def _read_positions(self, batches: Mapping[int, Batch]) -> Tensor | None:
        """Which positions are read ``[B, n]``, where each model says so and all read as many."""
        models = [self._models[place] for place in batches]
        found = [
            model.task.readout.index(batch.attention_mask) if model.reads_positions else None
            for model, batch in zip(models, batches.values(), strict=True)
        ]
        known = [each for each in found if each is not None]
        alike = len(known) == len(found) and len({each.shape[1] for each in known}) == 1
        return torch.cat(known) if alike else None

    def _embed(self, place: int, batch: Batch, length: int, draws: _Draws) -> Tensor:
        with draws.of(place):
            embeds: Tensor = self._models[place].input_embedding(batch.tokens)  # [b, t, D]
        missing = length - embeds.shape[1]
        return F.pad(embeds, (0, 0, 0, missing)) if missing else embeds  # with none it would copy

    def _pool(self, place: int, batch: Batch, hidden_states: Tensor) -> Tensor:
        mask = batch.attention_mask
        return self._models[place].task.readout.pool(hidden_states[:, : mask.shape[1]], mask)

    def _outputs(self, place: int, batch: Batch, read: Tensor | None, draws: _Draws) -> Tensor:
        with draws.of(place):
            outputs: Tensor = self._models[place](batch.tokens, batch.attention_mask, read)
        return outputs


@attrs.frozen
class _Draws:
    """Where what is random comes from: each adapter's own stream, if there are any.

    Args:
        streams: By the adapter's place.
    """

    streams: Mapping[int, Stream] | None

    def of(self, place: int) -> AbstractContextManager[object]:
        """What one adapter computes apart from the others."""
        return nullcontext() if self.streams is None else self.streams[place].entered()

    def by_row(self, counts: Sequence[tuple[int, int]]) -> AbstractContextManager[object]:
        """What is computed for all of them at once."""
        if self.streams is None:
            return nullcontext()
        return RowStreams([(self.streams[place], rows) for place, rows in counts])


def _padded(mask: Tensor, length: int) -> Tensor:
    return F.pad(mask, (0, length - mask.shape[1]))
