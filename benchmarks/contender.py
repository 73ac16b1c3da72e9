"""One contender in a process of its own: builds, takes steps as it is told, and reports.

    python -m benchmarks.contender NAME '{"task": ...}'

Reads lines from standard input (``step``, ``end``) and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.workload import Workload

Step = Callable[[], object]
Contender = tuple[Step, int]
"""A step, and the bytes of what training changes, as it is saved."""

MATRIX = 2048
CLIP = 1.0


def ours(workload: Workload, **settings: Any) -> Contender:
    """What :class:`fpt_plugins.training_loop.Training` does in a step."""
    from fpt_plugins.adapter_files import WEIGHTS, adapter_files
    from fpt_plugins.fast_path import prepare_training
    from fpt_plugins.finite_steps import FiniteSteps
    from fpt_plugins.optimizer import make_optimizer
    from fpt_plugins.passing import pass_batch
    from fpt_plugins.processes import Launched
    from fpt_plugins.trained_tensors import trained_tensors

    arm = workload.build(lr=1e-3, **settings)
    prepare_training(arm)
    batch, optimizer = workload.batch(arm.task), make_optimizer(arm)
    processes, finite = Launched(arm.precision.device), FiniteSteps(optimizer, arm.precision.device)
    model, numbers = arm.model.train(), iter(range(1 << 30))
    parts = list(batch.parts(arm.configuration.micro_batch_size or len(batch)))

    def step() -> object:
        number = next(numbers)
        finite.clear()
        passed = pass_batch(arm, model, parts, number, processes)
        finite.take(number + 1, passed.loss, CLIP)
        finite.check()
        return passed.loss.item()

    return step, len(adapter_files(arm, trained_tensors(arm), 0)[WEIGHTS])


def plain(workload: Workload, *, bf16: bool = False, peft: bool = False, full: bool = False) -> Contender:
    """A loop over transformers' own body."""
    import torch

    from benchmarks.plain import PlainModel, autocast, trained, with_peft

    task = workload.build(precision="fp32", fast=(), backbone_options={"layers": 0}).task
    model: Any = PlainModel(task, workload.backbone, workload.dropout)
    if peft:
        model = with_peft(model, workload.backbone)
    elif not full:
        model.freeze()
    batch, optimizer = workload.batch(task), torch.optim.Adam(trained(model), lr=1e-3)
    model.train()

    def step() -> object:
        with autocast(bf16=bf16):
            outputs = model(batch.tokens)
        loss = task.target.losses(outputs.float(), batch.targets).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained(model), CLIP)
        optimizer.step()
        return loss.item()

    return step, sum(parameter.nbytes for parameter in trained(model))


def peak(_: Workload, *, dtype: str) -> Contender:
    """A large square product: what the machine's matrix units can do."""
    import torch

    one, other = (torch.randn(MATRIX, MATRIX).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: one @ other, 0


CONTENDERS: dict[str, Callable[[Workload], Contender]] = {
    "peak fp32": lambda workload: peak(workload, dtype="float32"),
    "peak bf16": lambda workload: peak(workload, dtype="bfloat16"),
    "plain loop, fp32": plain,
    "plain loop, bf16 autocast": lambda workload: plain(workload, bf16=True),
    "peft, fp32": lambda workload: plain(workload, peft=True),
    "full fine-tuning, fp32": lambda workload: plain(workload, full=True),
    "fpt-plugins": ours,
    "fpt-plugins, fp32": lambda workload: ours(workload, precision="fp32"),
    "fpt-plugins, compiled": lambda workload: ours(workload, compile="on"),
    "fpt-plugins, checkpointing": lambda workload: ours(workload, gradient_checkpointing=True),
    "fpt-plugins, micro-batches of 4": lambda workload: ours(workload, micro_batch_size=4),
}
"""By the name that the tables print."""


def main(name: str, described: str) -> None:
    """Serves until it is told to end."""
    from benchmarks.workload import Workload
    from fpt_plugins.heap import kept_heap

    step, saved = CONTENDERS[name](Workload(**json.loads(described)))
    before = peak_bytes()
    with kept_heap() if name.startswith("fpt-plugins") else nullcontext():  # as our runs have it
        step()
        print(json.dumps({"saved_bytes": saved, "built_bytes": before}), flush=True)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            wall, processor = time.perf_counter(), time.process_time()
            step()
            taken = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - processor}
            print(json.dumps(taken), flush=True)
    print(json.dumps({"peak_bytes": peak_bytes()}), flush=True)


def peak_bytes() -> int:
    """The most memory that this process has held.

    Not ``ru_maxrss``, which begins with what the process that started it held at that moment.
    """
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each)
    return int(line.split()[1]) * 1024  # in kilobytes


if __name__ == "__main__":
    main(*sys.argv[1:])
