"""The package: its entry point and hooks, its data across processes, its documented examples."""

import doctest
import importlib
import os
import pickle
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest

import fpt_proteins.hooks
from fpt_plugins import Last, Task, TokenIds, hookspecs
from fpt_proteins.tasks import Fasta, RemoteHomology

README = Path(__file__).parents[1] / "README.md"

DIGEST = """
import hashlib
from fpt_proteins.tasks import RemoteHomology
for level in ("fold", "superfamily", "family"):
    task = RemoteHomology(source="sample", test=level)
    names = [[p.identifier for p in task.part(s).proteins] for s in ("train", "validation", "test")]
    print(hashlib.sha256(repr(names).encode()).hexdigest()[:16])
"""
RECORDED = ["f0e16a10298b493d", "a49a4905117c524f", "ad9725ea48916e50"]


def run(code, **environment):
    """What a fresh interpreter prints."""
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return process.stdout


def test_the_entry_point_is_found():
    """The distribution registers its hooks as 'proteins', which is the prefix of both tasks' names."""
    (entry,) = entry_points(group="fpt_plugins", name="proteins")
    assert entry.load() is fpt_proteins.hooks
    names = [task.name for task in fpt_proteins.hooks.fpt_tasks()]
    assert names == ["proteins/remote-homology", "proteins/fasta"]


def test_hooks_match_their_specifications():
    """Pluggy takes both hooks, none is misspelt, and each answers through the hook."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(fpt_proteins.hooks)
    manager.check_pending()
    assert manager.hook.fpt_tasks() == [[RemoteHomology, Fasta]]
    sequences = manager.hook.fpt_tokenize(task=RemoteHomology(), samples=["MKV"])
    assert sequences.values.tolist() == [2, 16, 14, 25, 3]


@pytest.mark.parametrize("task", [RemoteHomology, Fasta])
def test_tasks_are_complete(task):
    """What the contract asks for is there, and every option says what it is."""
    assert issubclass(task, Task)
    assert task() == task() == pickle.loads(pickle.dumps(task()))  # noqa: S301 # our own
    assert task.summary
    assert task().readout == Last(1)
    assert isinstance(task().sequence, TokenIds)
    assert (task().sequence.size, task().sequence.max_length) == (30, 1024)
    assert task().recipe.batch_size == 16
    options = [field for field in task.__attrs_attrs__ if field.metadata.get("option", True)]
    assert all(option.metadata["help"] for option in options)


def test_the_papers_rate_is_the_recipe():
    """Remote homology trains at 1e-4, as appendix C of the paper says."""
    assert RemoteHomology().recipe.lr == 1e-4


def test_listing_imports_nothing_heavy():
    """Importing the hooks and making both tasks imports no torch, NumPy, Biopython, h5py or lmdb."""
    code = "import sys, fpt_proteins.hooks as h; [task() for task in h.fpt_tasks()]; print(*sys.modules)"
    assert not {"torch", "numpy", "Bio", "h5py", "lmdb"} & set(run(code).split())


def test_splits_are_the_same_in_every_process():
    """Another process with another hash seed draws the splits whose digests are written here."""
    assert run(DIGEST, PYTHONHASHSEED="1").split() == RECORDED


@pytest.mark.parametrize("module", ["vocabulary", "tasks", "splits"])
def test_examples_in_docstrings_run(module):
    """Each example gives the output that is written below it."""
    result = doctest.testmod(importlib.import_module(f"fpt_proteins.{module}"))
    assert result.failed == 0
    assert result.attempted > 0


def test_examples_in_the_readme_run():
    """Each example gives the output that is written below it, and there are some."""
    result = doctest.testfile(str(README), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 5
