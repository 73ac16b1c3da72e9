"""The package: its entry point and hooks, its data across processes, its documented examples."""

import doctest
import importlib
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest

import fpt_bits.hooks
from fpt_bits.memory import BitMemory
from fpt_bits.xor import BitXor
from fpt_plugins import Task, hookspecs

README = Path(__file__).parents[1] / "README.md"

DIGESTS = """
import hashlib
from fpt_bits.memory import BitMemory
from fpt_bits.xor import BitXor

for task in (BitMemory(length=100, patch=10), BitXor(), BitXor(length=20)):
    for name in ("train", "validation", "test"):
        split = task.split(name)
        items = b"".join(array.tobytes() for index in range(50) for array in split[index])
        print(hashlib.sha256(items).hexdigest()[:16])
"""

RECORDED = [
    "e7e60bbdd7cb3e6b",
    "3633898f28c9d7ad",
    "aab5329e375063f7",
    "654abb723b2de2da",
    "693645fbf3400520",
    "ea1a51708f23c1be",
    "5e126fc89abad93c",
    "22b324861858396f",
    "a94c9aab20abf617",
]


def run(code, **environment):
    """What a fresh interpreter prints."""
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return process.stdout


def test_the_entry_point_is_found():
    """The distribution registers its hooks as 'bits', which is the prefix of both tasks' names."""
    (entry,) = entry_points(group="fpt_plugins", name="bits")
    assert entry.load() is fpt_bits.hooks
    assert [task.name for task in fpt_bits.hooks.fpt_tasks()] == ["bits/memory", "bits/xor"]


def test_hooks_match_their_specifications():
    """Pluggy takes both hooks, none is misspelt, and each answers through the hook."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(fpt_bits.hooks)
    manager.check_pending()
    assert manager.hook.fpt_tasks() == [[BitMemory, BitXor]]
    sample, _ = BitXor().split("test")[0]
    assert len(manager.hook.fpt_tokenize(task=BitXor(), samples=[sample])) == 1


@pytest.mark.parametrize("task", [BitMemory, BitXor])
def test_tasks_are_complete(task):
    """Every declaration of the contract is there, and every option says what it is."""
    assert issubclass(task, Task)
    assert task() == task()
    assert task.summary
    names = {metric.name for metric in task().metrics}
    assert {floor.metric for floor in task().floors("test")} == names
    options = [field for field in task.__attrs_attrs__ if field.metadata.get("option", True)]
    assert all(option.metadata["help"] and option.validator for option in options)


def test_listing_imports_nothing_heavy():
    """Importing the hooks and making both tasks imports neither torch nor NumPy."""
    code = "import sys, fpt_bits.hooks; [task() for task in fpt_bits.hooks.fpt_tasks()]; print(*sys.modules)"
    assert not {"torch", "numpy"} & set(run(code).split())


def test_data_are_the_same_in_every_process():
    """Another process with another hash seed generates the data whose digests are written here."""
    assert run(DIGESTS, PYTHONHASHSEED="1").split() == RECORDED


@pytest.mark.parametrize("module", ["samples", "memory", "metrics", "splits", "vote", "xor"])
def test_examples_in_docstrings_run(module):
    """Each example gives the output that is written below it."""
    assert doctest.testmod(importlib.import_module(f"fpt_bits.{module}")).failed == 0


def test_examples_in_the_readme_run():
    """Each example gives the output that is written below it, and there are some."""
    result = doctest.testfile(str(README), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 5
