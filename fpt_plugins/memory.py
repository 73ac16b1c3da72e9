"""Where memory does not suffice, work is done again from its own start, half as many samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from accelerate.utils.memory import should_reduce_batch_size

from fpt_plugins.errors import OutOfMemory

T = TypeVar("T")

HALVINGS = 6
"""At most so many, down to a sixty-fourth of what was asked: what does not fit then hardly ever will."""

_CUDA_MESSAGES = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Shortages that PyTorch raises no class for: of the CUDA runtime (cudaErrorMemoryAllocation, put into words
in c10/cuda/CUDAException.cpp) and of cuBLAS, which allocates for itself (TORCH_CUDABLAS_CHECK in
aten/src/ATen/cuda/Exceptions.h). Accelerate knows the messages of CPU, MPS, XPU and HPU."""

REMEDY = "compute blocks again with --gradient-checkpointing, or take shorter samples or a smaller body"
NOT_HALVED = f"train with a smaller --micro-batch-size, for several processes do not halve it; or {REMEDY}"


def is_shortage(error: Exception) -> bool:
    """Whether memory did not suffice, on a device or on the host.

    Example:
        >>> is_shortage(torch.OutOfMemoryError("CUDA out of memory")), is_shortage(RuntimeError("no"))
        (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or should_reduce_batch_size(error):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _CUDA_MESSAGES)


def fit(
    attempt: Callable[[int], T],
    asked: int,
    known: int | None = None,
    *,
    halve: bool = True,
) -> tuple[T, int]:
    """What an attempt gives, halved while memory does not suffice.

    Args:
        attempt: Takes how many samples go through the model at a time, and begins from nothing
            whenever it is called.
        asked: So many there are, or are wanted; the first to try.
        known: That many fit, where that is known; then nothing larger is tried.
        halve: Whether it may be tried again at all.

    Returns:
        What it gave, and of which size.

    Raises:
        OutOfMemory: Nothing fits; it says what was tried.
    """
    size, tried = min(asked, known or asked), list[int]()
    least = max(1, asked >> HALVINGS) if halve else size
    while True:
        try:
            return attempt(size), size
        except (RuntimeError, MemoryError) as error:
            if not is_shortage(error):
                raise
            reason = _first_line(error)
        tried.append(size)  # out of the handler, whose traceback holds the very tensors that did not fit
        size //= 2
        if size < least:
            words = ", then ".join(map(str, tried))
            message = f"out of memory with {words} samples at a time: {reason}"
            raise OutOfMemory(message, REMEDY if halve else NOT_HALVED)
        torch.cuda.empty_cache()  # does nothing where CUDA is not in use


class Room:
    """For how many samples at a time there is memory, once it is known from a first shortage.

    Attributes:
        size: So many; ``None`` while all that was asked fitted.
    """

    size: int | None = None

    def fit(self, attempt: Callable[[int], T], asked: int) -> T:
        """What an attempt gives, as :func:`fit`, beginning with the size that fitted before."""
        found, fitting = fit(attempt, asked, self.size)
        if fitting < min(asked, self.size or asked):
            self.size = fitting
        return found


@contextmanager
def naming_shortage(where: Callable[[], str], remedy: str = REMEDY) -> Iterator[None]:
    """Inside, a shortage of memory is an error that says where the run stands.

    Args:
        where: What is said then: the step, and which checkpoint there is.
        remedy: What to do, where nothing was halved.

    Raises:
        OutOfMemory: Memory did not suffice.
    """
    try:
        yield
    except OutOfMemory as error:
        raise OutOfMemory(f"{where()}: {error.message}", error.remedy) from error
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        raise OutOfMemory(f"{where()}: {_first_line(error)}", remedy) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
