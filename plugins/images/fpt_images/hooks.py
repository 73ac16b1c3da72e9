"""What this plugin answers: its five tasks, and their pictures as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpt_images.picture_task import PictureTask
from fpt_images.tasks import Cifar10, Cifar10Lra, Digits, Folder, Mnist
from fpt_plugins import Sequences, Task, hookimpl


@hookimpl
def fpt_tasks() -> list[type[Task]]:
    """All five tasks."""
    return [Cifar10, Cifar10Lra, Digits, Folder, Mnist]


@hookimpl
def fpt_tokenize(task: PictureTask, samples: Sequence[Any]) -> Sequences:
    """Each picture as its patches, row by row."""
    from fpt_images.patches import tokenize

    return tokenize(samples, task.layout)
