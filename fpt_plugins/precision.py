"""Which device computes, and in which type: bf16 where it is real, fp32 elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager

import attrs
import torch

from fpt_plugins.errors import ConfigurationError


@attrs.frozen
class Precision:
    """A device and the type that matrices are multiplied in there.

    Trained parameters, their gradients and the optimizer are fp32 in either case.

    Args:
        device: Where the model is.
        name: ``"bf16"`` or ``"fp32"``.
    """

    device: torch.device
    name: str

    @property
    def dtype(self) -> torch.dtype:
        """The type of the frozen matrices."""
        return torch.bfloat16 if self.name == "bf16" else torch.float32

    def autocast(self) -> AbstractContextManager[object]:
        """Matrix products in ``dtype``, the rest in fp32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.name == "bf16")


def choose_precision(device: str, precision: str) -> Precision:
    """The device by name and the type by name; ``auto`` takes the best that is there.

    Raises:
        ConfigurationError: A device that is not here.
    """
    chosen = _device(device)
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(chosen) else "fp32"
    return Precision(chosen, precision)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether bf16 products run on units made for them: emulated bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise ConfigurationError(f"--device {name} is not here: {first_line}", "use --device cpu") from error
    return device
