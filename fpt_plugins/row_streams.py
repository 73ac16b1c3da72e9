"""Random numbers row by row: the rows of each adapter draw from a stream of their own.

What a step drops is a function of its run's seed and of the step. In a pass for many adapters it
stays so: whatever draws for the whole batch is done in parts here, each part under the generator of
its adapter, in the order in which a pass of that adapter alone would have drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fpt_plugins.streams import Stream


class RowStreams(TorchFunctionMode):
    """While it is entered, functions that draw are called for each adapter's rows in turn.

    Args:
        shares: Each adapter's stream and how many rows of the batch are its, in the batch's order.
    """

    def __init__(self, shares: Sequence[tuple[Stream, int]]) -> None:
        super().__init__()
        self._streams = [stream for stream, _ in shares]
        self._ends = list(itertools.accumulate(rows for _, rows in shares))

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """One call, in parts where it draws."""
        split = _SPLIT.get(func)
        if split is None:
            return func(*args, **(kwargs or {}))
        return split(self, func, args, kwargs or {})

    def each(self, call: Callable[[int, int], Any], size: int) -> list[Any]:
        """What ``call`` gives for each adapter's part of ``size`` rows, ``(start, length)``, in its stream.

        A batch that is folded (heads into rows, positions into rows) has a multiple of its rows.
        """
        ends = [end * size // self._ends[-1] for end in self._ends]
        found = []
        for stream, (start, end) in zip(self._streams, itertools.pairwise([0, *ends]), strict=True):
            with stream.entered():
                found.append(call(start, end - start))
        return found


def _joined(streams: RowStreams, func: Callable[..., Tensor], args: Sequence[Any], kwargs: Any) -> Tensor:
    """A function of batches of rows: whatever argument has the first one's rows is taken in parts."""
    rows, dimensions = len(args[0]), args[0].ndim

    def part(value: Any, start: int, length: int) -> Any:
        whole = not isinstance(value, Tensor) or value.ndim != dimensions or len(value) != rows
        return value if whole else value.narrow(0, start, length)

    def call(start: int, length: int) -> Tensor:
        named = {name: part(value, start, length) for name, value in kwargs.items()}
        return func(*(part(value, start, length) for value in args), **named)

    return torch.cat(streams.each(call, rows))


def _filled(streams: RowStreams, func: Callable[..., Tensor], args: Sequence[Any], kwargs: Any) -> Tensor:
    """A function that fills a tensor in place with numbers it draws."""
    tensor: Tensor = args[0]
    streams.each(lambda start, n: func(tensor.narrow(0, start, n), *args[1:], **kwargs), len(tensor))
    return tensor


def _attended(streams: RowStreams, func: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
    """``nn.MultiheadAttention``: rows are the second dimension of its batches, the first of its mask."""
    mask = kwargs.get("key_padding_mask")

    def call(start: int, length: int) -> Any:
        batches = (batch.narrow(1, start, length) for batch in args[:3])
        padding = None if mask is None else mask.narrow(0, start, length)
        return func(*batches, *args[3:], **{**kwargs, "key_padding_mask": padding})[0]

    return torch.cat(streams.each(call, args[0].shape[1]), dim=1), None


_SPLIT: Mapping[Callable[..., Any], Callable[..., Any]] = {
    F.dropout: _joined,
    F.scaled_dot_product_attention: _joined,
    F.multi_head_attention_forward: _attended,
    Tensor.bernoulli_: _filled,
    Tensor.random_: _filled,
}
"""The functions that draw in the bodies that there are, and how each is done in parts."""
