"""One process, or one of several that ``accelerate launch`` started: who does which share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import accelerate
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")

_WHOLE = {DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU}
"""One process, or DDP: each holds every frozen tensor whole, as its proof needs."""


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

    Raises:
        ConfigurationError: It was launched with neither DDP nor alone; FSDP, for one, leaves no process a
            whole tensor to prove.
    """

    def __init__(self, device: torch.device) -> None:
        # Accelerate keeps one state per process for good; a second run may want another device.
        if AcceleratorState._shared_state and AcceleratorState().num_processes == 1:  # noqa: SLF001 - it has no public way to ask or to forget
            AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - as above
        self.accelerator = accelerate.Accelerator(cpu=device.type == "cpu", mixed_precision="no")
        kind = self.accelerator.distributed_type
        if kind not in _WHOLE:
            raise ConfigurationError(
                f"launched with {kind.value}: what is frozen is proved whole, under DDP or in one process",
                "launch it with DDP: accelerate launch --multi_gpu, and see docs/how-to/distributed.md",
            )
        self.index, self.count = self.accelerator.process_index, self.accelerator.num_processes

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return bool(self.index == 0)

    def check_shares(self, batch_size: int) -> None:
        """Refuses a batch that the processes cannot divide into equal shares.

        Each takes the mean over its own, and DDP the mean of those means.

        Raises:
            ConfigurationError: It is no multiple of their number.
        """
        if batch_size % self.count:
            above = batch_size + -batch_size % self.count
            raise ConfigurationError(
                f"{self.count} processes cannot share batches of {batch_size} equally",
                f"take a multiple: --batch-size {above}",
            )

    def wait(self) -> None:
        """Until every process is here."""
        self.accelerator.wait_for_everyone()

    def total(self, sums: Tensor) -> Tensor:
        """The sum over the processes, on the CPU."""
        total: Tensor = self.accelerator.reduce(sums.to(self.accelerator.device), "sum")
        return total.cpu()
