"""Freed memory stays with the process while a run trains, and goes back to the kernel after."""

import os
import platform
import subprocess
import sys
from contextlib import contextmanager

import pytest

import fpt_plugins as fpt
from fpt_plugins import population, training_loop
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
for _ in range(2):
    try:
        with kept_heap(), kept_heap():
            faults()
            inside = faults()
            held = resident()
            raise ValueError
    except ValueError:
        print(outside, inside, held - resident())
"""
"""Faults of pages that come into the process, 5 times 128 MB taken, written to and freed; twice over, and
each time it is left by an error."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc's heap")
def test_a_step_finds_the_memory_of_the_last_one():
    """In a process of its own: what is freed comes back at once inside, and is given back after."""
    for outside, inside, given_back in measured(os.environ):
        assert inside < outside / 20
        assert given_back > 100 << 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc's heap")
def test_who_set_the_heap_in_the_environment_has_chosen():
    """What was asked there, that blocks of 1 MB are given back at once, holds."""
    chosen = {"MALLOC_MMAP_THRESHOLD_": "1000000"}
    for outside, inside, _ in measured({**os.environ, **chosen}):
        assert inside > outside / 2


def measured(environment):
    """What the script prints, line by line."""
    command = [sys.executable, "-c", MEASURED]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [[int(word) for word in line.split()] for line in found.stdout.splitlines()]


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
