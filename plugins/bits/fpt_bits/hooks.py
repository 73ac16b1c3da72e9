"""What this plugin answers: its two tasks, and their samples as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpt_bits.memory import BitMemory
from fpt_bits.xor import BitXor
from fpt_plugins import Sequences, Task, hookimpl


@hookimpl
def fpt_tasks() -> list[type[Task]]:
    """Both tasks."""
    return [BitMemory, BitXor]


@hookimpl
def fpt_tokenize(task: BitMemory | BitXor, samples: Sequence[Any]) -> Sequences:
    """Each sample as its task lays it out."""
    return Sequences.of([task.tokenize(sample) for sample in samples])
