"""GELU by looking it up: a bf16 number has 65,536 values, so what a function gives for each is a table.

The tanh form, which GPT-2 has, is slow on a CPU: 11.5 ms for 1,920 rows of 3,072 in bf16 against
5.1 ms by the table, and the same again for its derivative (torch 2.15, one thread). Outputs are
PyTorch's own bit for bit; the derivative is rounded to bf16 before it is multiplied, where PyTorch
rounds the product alone.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_OFFSET = 1 << 15
"""Of the first entry: bits are read as signed numbers."""


class _Lookup(torch.autograd.Function):
    """Keeps the inputs alone."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        ctx.save_for_backward(inputs)
        return _looked_up(_tables()[0], inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (inputs,) = ctx.saved_tensors
        return _looked_up(_tables()[1], inputs).mul_(gradient)


@functools.cache
def _tables() -> tuple[Tensor, Tensor]:
    """GELU and its derivative at every bf16 number, in the order of its bits."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        bits = torch.arange(-_OFFSET, _OFFSET, dtype=torch.int16)
        numbers = bits.view(torch.bfloat16).float().requires_grad_()
        outputs = F.gelu(numbers, approximate="tanh")
        (derivative,) = torch.autograd.grad(outputs.sum(), numbers)
    return outputs.detach().to(torch.bfloat16), derivative.to(torch.bfloat16)


def _looked_up(table: Tensor, inputs: Tensor) -> Tensor:
    index = inputs.contiguous().view(torch.int16).flatten().to(torch.int32).add_(_OFFSET)
    return table.index_select(0, index).view(inputs.shape)


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
