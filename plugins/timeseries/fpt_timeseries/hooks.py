"""What this plugin answers: its two tasks, their samples as tokens, and an embedding that normalizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fpt_plugins import Sequences, Task, hookimpl
from fpt_timeseries.classify import Classify
from fpt_timeseries.forecast import Forecast

if TYPE_CHECKING:
    from torch.nn import Module


@hookimpl
def fpt_tasks() -> list[type[Task]]:
    """Both tasks."""
    return [Classify, Forecast]


@hookimpl
def fpt_tokenize(task: Classify | Forecast, samples: Sequence[Any]) -> Sequences:
    """Each series as its patches."""
    return Sequences.of([task.tokenize(sample) for sample in samples])


@hookimpl
def fpt_input_embedding(task: Task, embed_dim: int) -> Module | None:
    """A forecast's window normalized by its own moments; the core's linear map for classification."""
    if not isinstance(task, Forecast):
        return None
    from fpt_timeseries.reversible import NormalizedPatches

    return NormalizedPatches(task.patch, task.stride, embed_dim)
