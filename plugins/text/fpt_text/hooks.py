"""What this plugin answers: its task, and its samples as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fpt_plugins import Sequences, Task, hookimpl
from fpt_text.tasks import Bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@hookimpl
def fpt_tasks() -> list[type[Task]]:
    """The one task."""
    return [Bytes]


@hookimpl
def fpt_tokenize(task: Bytes, samples: Sequence[NDArray[np.uint8]]) -> Sequences:  # noqa: ARG001 # a byte is its own token
    """A sample is its bytes."""
    return Sequences.of(samples)
