"""Memory that a step frees stays with the process, for the next step wants it again.

glibc gives the end of its heap back to the kernel as soon as some of it is free, and has it mapped and
zeroed anew for the next activation: a tenth of the time of eight small runs that train together, a
twentieth of a step of GPT-2 (`bits/memory`, batch 16; torch 2.15, glibc 2.36, two threads). Blocks of
more than 32 MB are mapped one by one all the same. Other C libraries have no such switch; a GPU's
memory is kept by PyTorch itself.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of malloc.h."""

_LARGEST_BLOCK, _LARGEST_REST, _NEVER = 2**25, 2**26, -1
"""Blocks of up to 32 MB lie in the heap, and 64 MB may be free at its end: what glibc arrives at by
itself once such a block was freed (mallopt(3), the dynamic mmap threshold)."""

_CHOSEN = {"GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_"}

_entering = threading.Lock()
_inside = 0


@contextmanager
def kept_heap() -> Iterator[None]:
    """Inside, freed memory stays with the process; when the last has left, the kernel has it.

    After that glibc's thresholds are fixed where it arrives at by itself, and move no more. Whoever set
    them in the environment has chosen: then nothing is done.
    """
    global _inside  # noqa: PLW0603 - there is one heap in a process
    with _entering:
        _inside += 1
        _choose({_MMAP_THRESHOLD: _LARGEST_BLOCK, _TRIM_THRESHOLD: _NEVER})
    try:
        yield
    finally:
        with _entering:
            _inside -= 1
            if not _inside:
                _choose({_TRIM_THRESHOLD: _LARGEST_REST})
                _trim()


def _choose(thresholds: dict[int, int]) -> None:
    if library := _glibc():
        for parameter, value in thresholds.items():
            library.mallopt(parameter, value)


def _trim() -> None:
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library of the process, if it is glibc and its heap is left to us."""
    if _CHOSEN & os.environ.keys():
        return None
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
