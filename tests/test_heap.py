"""Freed memory stays with the process while a run trains, and goes back to the kernel after."""

import ctypes
import subprocess
import sys
from contextlib import contextmanager

import pytest

import fpt_plugins as fpt
from fpt_plugins import population, training_loop
from fpt_plugins.heap import kept_heap
from tests.xor_sweeps import RATES, SETTINGS, XOR

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


def test_runs_are_inside_from_their_first_step_to_their_last(tmp_path, monkeypatch):
    """A run alone, and runs that train together."""
    inside = []

    @contextmanager
    def noted():
        inside.append("in")
        yield
        inside.append("out")

    for module in (training_loop, population):
        monkeypatch.setattr(module, "kept_heap", noted)
    fpt.train(XOR, out=tmp_path / "alone", **SETTINGS)
    assert inside == ["in", "out"]
    fpt.train_population(XOR, out=tmp_path / "together", lr=RATES, **SETTINGS)
    assert inside == ["in", "out"] * 2


def test_it_can_be_left_by_an_error_and_entered_again():
    """Whatever happens inside, the next may enter."""
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), kept_heap(), kept_heap():
            raise ValueError("inside")
