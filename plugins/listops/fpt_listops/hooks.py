"""What fpt-listops says to fpt-plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fpt_plugins import Sequences, Task, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@hookimpl
def fpt_tasks() -> Sequence[type[Task]]:
    """``listops/lra``."""
    from fpt_listops.tasks import Lra

    return [Lra]


@hookimpl
def fpt_tokenize(task: Task, samples: Sequence[NDArray[np.uint8]]) -> Sequences:
    """Ids of the full form as they are, or in the paper's form where the variant says so."""
    from fpt_listops.tasks import Lra
    from fpt_listops.vocabulary import paper_form

    is_paper = isinstance(task, Lra) and task.variant == "paper"
    return Sequences.of([paper_form(ids) for ids in samples] if is_paper else samples)
