"""The batch of each step, one after the other; by worker processes where a run has some.

A batch is a function of its step (:mod:`fpt_plugins.order`) and a fresh sample of seed, epoch and
index, so that who prepares it changes nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from fpt_plugins.data import Batch
from fpt_plugins.errors import FptError
from fpt_plugins.features import FeatureSplit

if TYPE_CHECKING:
    from fpt_plugins.data import Samples
    from fpt_plugins.order import Order
    from fpt_plugins.processes import Processes

GPU_WORKERS = 2
"""On a GPU the processor would else prepare a batch while the device waits."""

AHEAD = 2
"""Batches that each worker has ready."""


class Steps(Dataset[Batch | FptError]):
    """This process's share of each step's batch; the step is the index.

    Args:
        split: The samples.
        order: Which of them each step sees.
        processes: Who shares a step.
    """

    def __init__(self, split: Samples, order: Order, processes: Processes) -> None:
        self.split, self._order = split, order
        self._index, self._count = processes.index, processes.count

    def __getitem__(self, step: int) -> Batch | FptError:
        """The share of a step; what refuses it, where a worker asks, for it would go into words there."""
        try:
            return self.split.batch(self._order.at(step)[self._index :: self._count])
        except FptError as error:
            if get_worker_info() is None:
                raise
            return error


def step_batches(steps: Steps, span: range, device: torch.device, workers: int | None) -> Iterator[Batch]:
    """The batches of some steps, in order.

    Args:
        steps: Where they come from.
        span: Which steps.
        device: Where they go.
        workers: Processes that prepare them ahead; with 0 each is prepared when it is asked for.
            ``None`` is ``GPU_WORKERS`` on a GPU and 0 on a CPU.

    Raises:
        FptError: A sample is refused, whoever prepared it.
    """
    on_gpu = device.type == "cuda"
    count = (min(GPU_WORKERS, os.cpu_count() or 1) if on_gpu else 0) if workers is None else workers
    on_device = isinstance(steps.split, FeatureSplit)  # its features are; a loader takes as long as they
    if on_device or not (count or on_gpu):
        return (_given(steps[step]) for step in span)
    loader: DataLoader[Batch | FptError] = DataLoader(
        steps,
        batch_size=None,
        sampler=span,
        num_workers=count,
        collate_fn=_as_it_is,
        pin_memory=on_gpu,
        prefetch_factor=AHEAD if count else None,
        worker_init_fn=_leave_interruption_to_the_run,
        multiprocessing_context="fork" if count else None,  # plugins' objects need not be picklable
        generator=torch.Generator(),  # else it draws from the global one
    )
    return map(_given, loader)


def _given(batch: Batch | FptError) -> Batch:
    if isinstance(batch, FptError):
        raise batch
    return batch


def _as_it_is(batch: Any) -> Any:
    return batch


def _leave_interruption_to_the_run(_: int) -> None:
    """Ctrl-C reaches a terminal's whole group; the run ends its step and then its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
