"""Freed memory stays with the process while a run trains, and goes back to the kernel after."""

import ctypes
import subprocess
import sys

import pytest

from fpt_plugins.heap import kept_heap

MEASURED = """
import ctypes
import resource
from fpt_plugins.heap import kept_heap

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        blocks = [library.malloc(16 << 20) for _ in range(8)]
        for block in blocks:
            ctypes.memset(block, 1, 16 << 20)
        for block in blocks:
            library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

faults()
outside = faults()
with kept_heap(), kept_heap():
    faults()
    inside = faults()
    held = resident()
print(outside, inside, held - resident())
"""
"""Faults of pages of 4 KB that come into the process, 5 times 128 MB taken, written to and freed."""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="not glibc's heap")
def test_a_step_finds_the_memory_of_the_last_one():
    """In a process of its own: what is freed comes back at once inside, and is given back after."""
    found = subprocess.run([sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True)
    outside, inside, given_back = map(int, found.stdout.split())
    assert outside > 100_000
    assert inside < 1_000
    assert given_back > 100 << 20


def test_it_can_be_left_by_an_error_and_entered_again():
    """Whatever happens inside, the next may enter."""
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), kept_heap(), kept_heap():
            raise ValueError("inside")
