"""One process, or one of several that ``accelerate launch`` started: who does which share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import accelerate
from accelerate.state import AcceleratorState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")


class Processes(Protocol):
    """How work is shared and sums are put together again."""

    index: int
    count: int

    def total(self, sums: Tensor) -> Tensor:
        """The sum of every process's tensor."""
        ...


class Alone:
    """One process that does everything."""

    index, count = 0, 1

    def total(self, sums: Tensor) -> Tensor:
        """The tensor itself."""
        return sums


class Launched:
    """This process among those of an ``accelerate.Accelerator``; autocast stays ours.

    Args:
        device: Where this run computes. Under ``accelerate launch`` each process has its own.
    """

    def __init__(self, device: torch.device) -> None:
        # Accelerate keeps one state per process for good; a second run may want another device.
        if AcceleratorState._shared_state and AcceleratorState().num_processes == 1:  # noqa: SLF001 - it has no public way to ask or to forget
            AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - as above
        self.accelerator = accelerate.Accelerator(cpu=device.type == "cpu", mixed_precision="no")
        self.index, self.count = self.accelerator.process_index, self.accelerator.num_processes

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return bool(self.index == 0)

    def wait(self) -> None:
        """Until every process is here."""
        self.accelerator.wait_for_everyone()

    def total(self, sums: Tensor) -> Tensor:
        """The sum over the processes, on the CPU."""
        total: Tensor = self.accelerator.reduce(sums.to(self.accelerator.device), "sum")
        return total.cpu()
