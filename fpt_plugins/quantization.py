"""Frozen matrices in 8 bits, through torchao: ``--quantize int8``.

Each row of a matrix is kept as whole numbers from -128 to 127 and one scale, and multiplied in the type
of the run: half of the bytes of bf16, a quarter of fp32's. The body computes something a little
different, and the same in training and when the adapter is loaded in the type that it trained in: in another
one (``--precision``) what is rounded differs in its last bits already. ``source_digest`` is that of the
tensors before; ``held_digest`` covers the numbers and the scales.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from fpt_plugins.errors import ConfigurationError


class QuantizedLinear(nn.Linear):
    """A frozen linear layer under the names that it had, its matrix laid out as ``nn.Linear`` does.

    Args:
        layer: An ``nn.Linear``, or a ``Conv1D`` of transformers', whose matrix is the transpose.
    """

    def __init__(self, layer: Any) -> None:
        outputs, inputs = layer.weight.shape if type(layer) is nn.Linear else layer.weight.shape[::-1]
        super().__init__(inputs, outputs, bias=layer.bias is not None, device="meta")
        matrix = layer.weight if type(layer) is nn.Linear else layer.weight.mT
        self.weight = nn.Parameter(matrix.detach().contiguous(), requires_grad=False)
        self.bias = layer.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """``[..., inputs]`` of any type to ``[..., outputs]`` in the type of the run.

        Autocast would not reach the product: torchao takes the call before it.
        """
        bias = self.bias if self.bias is None else self.bias.to(self.weight.dtype)
        return F.linear(inputs.to(self.weight.dtype), self.weight, bias)


def quantize_frozen(model: nn.Module, trained: AbstractSet[str]) -> None:
    """Keeps in 8 bits the matrix of every linear layer of a model's backbone of which nothing trains.

    Args:
        model: Frozen, its matrices in the type that they are multiplied in.
        trained: The names of the parameters that train.

    Raises:
        ConfigurationError: torchao is not installed, or the body has no such layer.
    """
    quantize, int8 = _torchao()
    if any(isinstance(module, QuantizedLinear) for module in model.modules()):
        return  # it shares the body of an arm that was here before
    owners = {name.rpartition(".")[0] for name in trained}
    found = 0
    for path, module in list(model.named_modules()):
        for name, child in list(module.named_children()):
            if path.startswith("backbone") and f"{path}.{name}" not in owners and _is_linear(child):
                setattr(module, name, QuantizedLinear(child))
                found += 1
    if not found:
        raise ConfigurationError("--quantize int8: this body has no linear layer that is frozen")
    quantize(model, int8, filter_fn=lambda module, _: isinstance(module, QuantizedLinear))


def _is_linear(layer: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D

    return type(layer) in (nn.Linear, Conv1D)


def _torchao() -> tuple[Any, Any]:
    """What quantizes, and how."""
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise ConfigurationError(
            f"--quantize int8 needs torchao: {error}", "pip install 'fpt-plugins[quantization]'"
        ) from error
    return quantize_, Int8WeightOnlyConfig()
