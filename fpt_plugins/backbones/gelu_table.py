"""GELU by looking it up: a bf16 number has 65,536 values, so what a function gives for each is a table.

The tanh form, which GPT-2 has, is slow on a CPU: 1,920 rows of 3,072 in bf16 take 22.9 ms there and
back, against 10 ms by a table that holds the derivative beside each value (torch 2.15, one thread; 11.5
against 8 with two, for PyTorch looks up with one). Outputs are PyTorch's own bit for bit; the derivative
is rounded to bf16 before it is multiplied, where PyTorch rounds the product alone.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional as F

_OFFSET = 1 << 15
"""Of the first entry: bits are read as signed numbers."""

_PIECE = 1 << 19
"""Numbers at a time: their places in the table, four bytes each, stay in a processor's cache."""


class _Lookup(torch.autograd.Function):
    """Keeps the derivative at the inputs, which lies in the table beside the value, and not the inputs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        inputs = inputs.contiguous()
        outputs = torch.empty_like(inputs)
        derivative = torch.empty_like(inputs) if ctx.needs_input_grad[0] else None
        _look_up(inputs, outputs, derivative)
        ctx.save_for_backward(derivative)
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (derivative,) = ctx.saved_tensors
        product: Tensor = derivative * gradient
        return product


def _look_up(inputs: Tensor, outputs: Tensor, derivative: Tensor | None) -> None:
    """Fills in outputs, and the derivative where it is wanted, a piece at a time."""
    bits = torch.split(inputs.view(torch.int16).flatten(), _PIECE)
    places = [torch.split(each.flatten(), _PIECE) for each in (outputs, derivative) if each is not None]
    table = _tables().values if derivative is None else _tables().both
    for number, piece in enumerate(bits):
        found = table.index_select(0, piece.to(torch.int32).add_(_OFFSET)).view(torch.bfloat16)
        for column, place in enumerate(places):
            place[number].copy_(found[column :: len(places)])


@attrs.frozen(eq=False)
class _Tables:
    """GELU at every bf16 number, in the order of its bits.

    Args:
        values: ``[65536]``.
        both: The same with the derivative beside each, read as one number of 32 bits ``[65536]``.
    """

    values: Tensor
    both: Tensor


@functools.cache
def _tables() -> _Tables:
    with torch.inference_mode(mode=False), torch.enable_grad():
        bits = torch.arange(-_OFFSET, _OFFSET, dtype=torch.int16)
        numbers = bits.view(torch.bfloat16).float().requires_grad_()
        outputs = F.gelu(numbers, approximate="tanh")
        (derivative,) = torch.autograd.grad(outputs.sum(), numbers)
        values = outputs.detach().to(torch.bfloat16)
        both = torch.stack([values, derivative.to(torch.bfloat16)], dim=1)
    return _Tables(values, both.view(torch.int32).flatten())


class TableGELU(nn.Module):
    """The tanh GELU, looked up for bf16 on a CPU and computed elsewhere."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Numbers of any shape to numbers of the same shape."""
        if inputs.dtype != torch.bfloat16 or inputs.device.type != "cpu":
            return F.gelu(inputs, approximate="tanh")
        outputs: Tensor = _Lookup.apply(inputs)
        return outputs


def replace_gelu(body: nn.Module) -> None:
    """Puts :class:`TableGELU` in the place of every tanh GELU of transformers' or PyTorch's in a body."""
    library = sys.modules.get("transformers.activations")  # a second to import: no part of a body without it
    kind = type(library.ACT2FN["gelu_pytorch_tanh"]) if library else None
    for module in body.modules():
        for name, child in module.named_children():
            if type(child) is kind or (type(child) is nn.GELU and child.approximate == "tanh"):
                setattr(module, name, TableGELU())
