"""Batches of steps: the same whoever prepares them."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from fpt_plugins.data import Batch, FreshSplit
from fpt_plugins.errors import UnknownName
from fpt_plugins.order import Order
from fpt_plugins.processes import Alone
from fpt_plugins.step_loader import Steps, step_batches
from fpt_plugins.streams import preserved_generators
from tests import warm_processes

CPU = torch.device("cpu")

# A machine may have fewer processors than these tests have workers; torch then advises against them.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Drawn:
    """Batches of random numbers, drawn as a fresh split draws; the second element is the process."""

    lengths = None

    def __len__(self):
        return 10

    def batch(self, samples):
        with preserved_generators():
            rows = [FreshSplit._draw(self, index, epoch) for index, epoch in samples]
        return Batch(torch.tensor(rows, dtype=torch.float64), torch.tensor([os.getpid()]))

    _seed = 3

    @property
    def _dataset(self):
        return self

    def __getitem__(self, index):
        return index, torch.rand(()).item(), float(np.random.rand()), random.random()  # noqa: NPY002


@attrs.frozen
class One:
    """One of several processes."""

    index: int
    count: int


def drawn(workers, span=range(9), processes=None):
    steps = Steps(Drawn(), Order(10, 4, 0), processes or Alone())
    return list(step_batches(steps, span, CPU, workers))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers):
    """Batches of fresh samples are the same, bit for bit and in order, when other processes prepare them."""
    ours, theirs = drawn(None), drawn(workers)
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(ours, theirs, strict=True))
    assert {int(batch.attention_mask) for batch in ours} == {os.getpid()}
    makers = {int(batch.attention_mask) for batch in theirs}
    assert len(makers) == workers
    assert os.getpid() not in makers


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_the_same_batches(workers):
    """From step 5 on, the batches are those that follow step 4."""
    later, whole = drawn(workers, range(5, 9)), drawn(0)[5:]
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(later, whole, strict=True))


class Refused(Drawn):
    """Every sample of it is refused."""

    def batch(self, _):
        raise UnknownName("symbol", "lenght", ["length"])


@pytest.mark.parametrize("workers", [0, 1])
def test_what_refuses_a_sample_is_raised_as_it_is(workers):
    """Also where a worker prepared it, its class, words and exit code are those of the task."""
    batches = step_batches(Steps(Refused(), Order(10, 4, 0), Alone()), range(2), CPU, workers)
    with pytest.raises(UnknownName) as refused:
        next(batches)
    assert str(refused.value) == "there is no symbol 'lenght'\n  did you mean length?"
    assert (refused.value.exit_code, refused.value.known) == (2, ("length",))


def test_processes_share_a_step():
    """The shares of two processes are, taken in turn, the batch of one."""
    shares = [drawn(0, processes=One(index, 2)) for index in (0, 1)]
    for whole, first, second in zip(drawn(0), *shares, strict=True):
        assert torch.equal(torch.stack([first.tokens, second.tokens], 1).flatten(0, 1), whole.tokens)


def test_loading_leaves_the_global_generator_alone():
    """Torch's generator is where it was, with workers and without."""
    before = torch.get_rng_state()
    drawn(0)
    drawn(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_ctrl_c_is_the_runs_own_to_handle():
    """A worker that a terminal's Ctrl-C reaches goes on: the run still gets every batch."""
    batches = step_batches(Steps(Drawn(), Order(10, 4, 0), Alone()), range(9), CPU, 1)
    worker = int(next(batches).attention_mask)
    os.kill(worker, signal.SIGINT)
    assert {int(batch.attention_mask) for batch in batches} == {worker}


WORDS = "train bits/memory --option length=20 --option patch=5 --backbone none --steps 6 --batch-size 4"


def test_surroundings_change_nothing(tmp_path, fake_distributions):
    """Another folder, hash seed, worker count, cache and plugin beside it give the same adapter's bytes."""
    calm, other = tmp_path / "calm", tmp_path / "other"
    for folder in (calm, other):
        folder.mkdir()
    words = ["-m", "fpt_plugins", *WORDS.split(), "--device", "cpu", "--out", "run"]
    warm_processes.run(*words, cwd=calm, FPT_CACHE=str(calm)).check_returncode()  # a hash seed of its own
    fake_distributions(other).add("fpt-bystander", plugin="bystander")
    path = os.pathsep.join([str(other), *(place or str(Path.cwd()) for place in sys.path)])
    settings = {"PYTHONHASHSEED": "1", "FPT_CACHE": str(other), "PYTHONPATH": path}
    command = [sys.executable, "-W", "ignore", *words, "--workers", "2"]
    subprocess.run(command, cwd=other, env=os.environ | settings, check=True, capture_output=True)
    one, two = (folder / "run" / "adapter" / "adapter.safetensors" for folder in (calm, other))
    assert one.read_bytes() == two.read_bytes()
