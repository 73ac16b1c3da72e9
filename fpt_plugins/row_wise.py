"""Row-wise forms: in the place of one module, a module of its own for each row of a batch.

A norm with a weight and a bias is the same arithmetic for every row until its last two operations,
and a table of positions is a look-up: many adapters differ in a gather and not in a pass of their
own. What has no such form (attention, a feed-forward layer) can serve one adapter at a time.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from fpt_plugins.parameter_matrix import ParameterMatrix

NORMS = frozenset(
    {
        "timm.layers.norm.LayerNorm",
        "torch.nn.modules.normalization.LayerNorm",
        "torch.nn.modules.normalization.RMSNorm",
        "transformers.models.llama.modeling_llama.LlamaRMSNorm",
        "transformers.models.qwen2.modeling_qwen2.Qwen2RMSNorm",
        "transformers.models.qwen3.modeling_qwen3.Qwen3RMSNorm",
        "transformers.models.t5.modeling_t5.T5LayerNorm",
    }
)
"""Classes whose last operations are a product with ``weight`` and, where there is one, the sum with
``bias``. Exactly these, and no subclass, which may compute something else."""

POSITION_TABLES: Mapping[str, int] = {
    "fpt_plugins.backbones.block.BlockBackbone.positions": 0,
    "fpt_plugins.backbones.lstm.LSTMBackbone.positions": 0,
    "fpt_plugins.backbones.vit.VisionBackbone.positions": 0,
    "transformers.models.bert.modeling_bert.BertEmbeddings.position_embeddings": 0,
    "transformers.models.distilbert.modeling_distilbert.Embeddings.position_embeddings": 0,
    "transformers.models.gpt2.modeling_gpt2.GPT2Model.wpe": 0,
    "transformers.models.longformer.modeling_longformer.LongformerEmbeddings.position_embeddings": 0,
    "transformers.models.opt.modeling_opt.OPTDecoder.embed_positions": 2,
    "transformers.models.roberta.modeling_roberta.RobertaEmbeddings.position_embeddings": 0,
}
"""Attributes that are called with position ids and give a row for each; with what the library itself
adds to an id. T5's table is none: it gives a number per distance and head, and has no row-wise form."""

Form: TypeAlias = Callable[[Sequence[nn.Module], "Rows"], nn.Module]


class Rows(threading.local):
    """Whose each row of the batch under way is. One object, which every row-wise form of a body reads.

    Each thread has its own batch under way: several may ask one bank at once.

    Example:
        >>> rows = Rows()
        >>> with rows.of([(2, 1), (0, 2)], torch.device("cpu")):
        ...     rows.gather([torch.tensor(10), torch.tensor(11), torch.tensor(12)])
        tensor([12, 10, 10])
    """

    def __init__(self) -> None:
        self._present: tuple[int, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._index = self._places = torch.empty(0, dtype=torch.int64)

    @contextmanager
    def of(self, counts: Sequence[tuple[int, int]], device: torch.device) -> Iterator[None]:
        """Inside, a batch has these rows: an adapter's place in the bank, and how many of its rows follow."""
        before = self._present, self._counts, self._index, self._places
        self._present = tuple(place for place, _ in counts)
        self._counts = tuple(count for _, count in counts)
        self._index = torch.tensor(self._present, device=device)  # [P]
        lengths = torch.tensor(self._counts)
        self._places = torch.arange(len(counts)).repeat_interleave(lengths).to(device)  # [B]
        try:
            yield
        finally:
            self._present, self._counts, self._index, self._places = before

    @property
    def present(self) -> tuple[int, ...]:
        """The adapters that have a row in the batch."""
        return self._present

    def gather(self, tensors: Sequence[Tensor] | Tensor) -> Tensor:
        """Each row's own tensor, ``[B, ...]``, of one tensor per adapter of the bank.

        Those of the adapters that are present alone get a gradient; where all adapters' are in one tensor
        ``[K, ...]``, the others' is zero.
        """
        return self.spread(self._of_present(tensors))

    def spread(self, tensors: Sequence[Tensor] | Tensor) -> Tensor:
        """The same of one tensor for each adapter that is present."""
        stacked = tensors if isinstance(tensors, Tensor) else torch.stack(list(tensors))
        return stacked.repeat_interleave(self._counts[0], dim=0) if self._is_even else stacked[self._places]

    def gather_parts(self, tensors: Sequence[Tensor] | Tensor) -> Tensor:
        """As :meth:`gather`, but once for each of the equal parts of a batch, ``[P, ...]``.

        A part is an adapter's rows where all have as many, which spares the gather and in the backward
        pass the sum over rows, and else a row.
        """
        return self._of_present(tensors) if self._is_even else self.gather(tensors)

    @property
    def _is_even(self) -> bool:
        return len(set(self._counts)) == 1

    def _of_present(self, tensors: Sequence[Tensor] | Tensor) -> Tensor:
        if not isinstance(tensors, Tensor):
            return torch.stack([tensors[place] for place in self._present])
        return tensors if self._present == tuple(range(len(tensors))) else tensors[self._index]


class RowWise(nn.Module):
    """In the place of one module, a module of its own for each row of a batch.

    Args:
        modules: One per adapter, of one class.
        rows: Whose each row is.
    """

    def __init__(self, modules: Sequence[nn.Module], rows: Rows) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)
        self.rows = rows
        self._stacked: dict[str, Tensor] = {}

    def read_from(self, matrix: ParameterMatrix) -> None:
        """Reads the parameters of all adapters that a matrix holds from it, and no longer one by one."""
        named = self.each[0].named_parameters()
        self._stacked = {name: matrix.stacked(own) for name, own in named if own in matrix}

    def own(self, name: str) -> Sequence[Tensor] | Tensor:
        """A parameter of each adapter, in one tensor ``[K, ...]`` where they are read from a matrix."""
        stacked = self._stacked.get(name)
        return [each.get_parameter(name) for each in self.each] if stacked is None else stacked


class RowWiseNorm(RowWise):
    """A norm that scales and shifts each row by its own adapter's weight and bias.

    Args:
        norms: One per adapter, of one class and one width.
        rows: Whose each row is.
    """

    def __init__(self, norms: Sequence[nn.Module], rows: Rows) -> None:
        super().__init__(norms, rows)
        self.plain = _without_scale(norms[0])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Hidden states ``[B, T, D]`` to normed ones; OPT joins them to ``[B * T, D]``."""
        weight = self._own("weight")  # [P, 1, D]
        normed: Tensor = self.plain(hidden_states).reshape(len(weight), -1, weight.shape[-1])
        if getattr(self.each[0], "bias", None) is None:
            scaled = normed * weight
        else:
            scaled = torch.addcmul(self._own("bias"), normed, weight)
        return scaled.view(hidden_states.shape)

    def _own(self, leaf: str) -> Tensor:
        return self.rows.gather_parts(self.own(leaf)).unsqueeze(1)


def _without_scale(norm: nn.Module) -> nn.Module:
    """The norm with a weight of ones and a bias of zeros, which change no bit."""
    plain = copy.deepcopy(norm)
    for name, parameter in plain.named_parameters():
        parameter.data = torch.full_like(parameter, float(name == "weight"))
    return plain.requires_grad_(requires_grad=False)


class RowWisePositions(RowWise):
    """A table of positions for each adapter. Its length may differ: beyond it a row is padding.

    Args:
        tables: One per adapter, each with a ``weight`` ``[length, D]``.
        rows: Whose each row is.
        offset: What the library itself adds to a position id.
    """

    def __init__(self, tables: Sequence[nn.Module], rows: Rows, offset: int = 0) -> None:
        super().__init__(tables, rows)
        self.offset = offset

    def forward(self, *ids: Any, position_ids: Tensor | None = None) -> Tensor:
        """Position ids ``[T]`` or ``[1, T]`` to vectors ``[B, T, D]``. OPT passes its mask before them."""
        found: Tensor = ids[0] if position_ids is None else position_ids
        places = found.reshape(-1) + self.offset  # [T]
        if self._stacked:
            return self.rows.gather(_read(self._stacked["weight"], places))
        return self.rows.spread([self._of(place, places) for place in self.rows.present])

    def _of(self, adapter: int, places: Tensor) -> Tensor:
        return _read(self.each[adapter].get_parameter("weight").unsqueeze(0), places)[0]


def _read(tables: Tensor, places: Tensor) -> Tensor:
    """What tables ``[K, length, D]`` hold at places ``[T]``, and zeros beyond their length: ``[K, T, D]``."""
    found = tables[:, places[: tables.shape[1]]]
    return F.pad(found, (0, 0, 0, len(places) - found.shape[1]))


def row_wise_form(body: nn.Module, owner: str) -> Form | None:
    """What replaces the submodule ``owner`` of a body; ``None`` where nothing can."""
    if _class_name(body.get_submodule(owner)) in NORMS:
        return RowWiseNorm
    if is_position_table(body, owner):
        return functools.partial(RowWisePositions, offset=POSITION_TABLES[_attribute(body, owner)])
    return None


def is_position_table(model: nn.Module, owner: str) -> bool:
    """Whether a submodule has a row per position, as declared in :data:`POSITION_TABLES`."""
    return _attribute(model, owner) in POSITION_TABLES


def _attribute(model: nn.Module, owner: str) -> str:
    """A submodule's name within its holder's class: ``PACKAGE.MODULE.CLASS.wpe``."""
    holder, _, attribute = owner.rpartition(".")
    return f"{_class_name(model.get_submodule(holder))}.{attribute}"


def _class_name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def make_row_wise(body: nn.Module, owners: Sequence[str], bodies: Sequence[nn.Module], rows: Rows) -> None:
    """Replaces submodules of a body by row-wise forms of the same submodules of several bodies.

    Args:
        body: What changes.
        owners: Which, by name.
        bodies: Each adapter's own.
        rows: Whose each row of a batch is.
    """
    for owner in owners:
        form = row_wise_form(body, owner)
        assert form is not None  # noqa: S101 - the bank asked first; for the type checker
        body.set_submodule(owner, form([each.get_submodule(owner) for each in bodies], rows), strict=True)
