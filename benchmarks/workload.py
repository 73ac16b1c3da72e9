"""What is measured: a task on a body, with random weights and random samples of full length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import torch

import fpt_plugins as fpt
from fpt_plugins.data import Batch


@attrs.frozen(kw_only=True)
class Workload:
    """A task, a body and a batch.

    Args:
        name: In the tables.
        task: ``plugin/task``.
        options: The task's.
        backbone: One of :data:`benchmarks.plain.CONFIGURATIONS`.
        batch_size: Samples per step.
        dropout: Inside the body.
        length: Tokens of each sample; the most that the task has where it is not given.
        without: Contenders that take too much memory beside the others: all stand in it at once.
    """

    name: str
    task: str
    options: Mapping[str, Any] = attrs.field(factory=dict)
    backbone: str = "gpt2"
    batch_size: int = 16
    dropout: float = 0.0
    length: int | None = None
    without: tuple[str, ...] = ()

    def build(self, **settings: Any) -> fpt.Arm:
        """The arm, untrained; ``settings`` beside the workload's own."""
        return fpt.build(
            self.task,
            options=self.options,
            backbone=self.backbone,
            init="random",
            batch_size=self.batch_size,
            dropout=self.dropout,
            **settings,
        )

    def batch(self, task: Any) -> Batch:
        """One batch of samples that the task could have, drawn from a fixed seed."""
        generator = torch.Generator().manual_seed(0)
        rows, length = self.batch_size, self.length or task.sequence.max_length
        if isinstance(task.sequence, fpt.TokenIds):
            tokens = torch.randint(task.sequence.size, (rows, length), generator=generator)
        else:
            tokens = torch.randn(rows, length, task.sequence.width, generator=generator)
        low, high = (int(bound) for bound in task.target.bounds)
        targets = torch.randint(low, high + 1, (rows, *task.target.target_shape), generator=generator)
        return Batch(
            tokens,
            torch.ones(rows, length, dtype=torch.bool),
            targets.to(getattr(torch, task.target.dtype)),
        )

    def floating_point_operations(self) -> int:
        """Of the matrix products of one step that trains no matrix: forward, and back to the inputs.

        Whole blocks are counted, whatever of them an implementation leaves out.
        """
        arm = self.build(precision="fp32", fast=())
        body = arm.model.backbone
        rows, length = self.batch_size, self.length or arm.task.sequence.max_length
        groups = body.parameter_groups()
        names = [*groups["attention"], *groups["mlp"]]
        matrices = sum(math.prod(p.shape) for p in map(body.get_parameter, names) if p.ndim == 2)
        attention = len(body.blocks()) * length * body.embed_dim  # of scores, and of what they weigh
        return 2 * rows * length * (2 * matrices + 3 * 2 * attention)


BITS = {"length": 1000, "patch": 50}  # the paper's: 120 tokens, of which 20 are read
LISTOPS = {"max_length": 1025}

WORKLOADS = (
    Workload(name="bits, GPT-2", task="bits/memory", options=BITS),
    Workload(name="bits, GPT-2, dropout 0.1", task="bits/memory", options=BITS, dropout=0.1),
    Workload(
        name="bits, GPT-2 medium",
        task="bits/memory",
        options=BITS,
        backbone="gpt2-medium",
        without=("peft, fp32", "full fine-tuning, fp32"),
    ),
    Workload(name="bits, MiniLM", task="bits/memory", options=BITS, backbone="minilm"),
    Workload(name="images, GPT-2", task="images/cifar10"),
    Workload(
        name="ListOps, 1,024 tokens, GPT-2", task="listops/lra", options=LISTOPS, batch_size=2, length=1024
    ),
)

QUICK = (Workload(name="bits, MiniLM", task="bits/memory", options=BITS, backbone="minilm", batch_size=4),)
