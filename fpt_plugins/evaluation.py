"""Scores of a whole split, beside the floors that need no learning."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch

from fpt_plugins.adapter import load
from fpt_plugins.data import Batch, Samples, whole
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.memory import Room
from fpt_plugins.processes import Alone, Processes
from fpt_plugins.progress import track
from fpt_plugins.record import Evaluation, read_record, record_folder
from fpt_plugins.storage import exclusive
from fpt_plugins.task import SPLITS, SplitName, Task
from fpt_plugins.token_cache import open_split

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

EVALUATION_BATCH = 4
"""Evaluation batches are this many times the training batch: no activations are kept."""


def score(
    arm: Arm,
    split: Samples,
    *,
    processes: Processes | None = None,
    description: str = "",
    room: Room | None = None,
) -> dict[str, float]:
    """Every metric of the task and the mean ``loss``, over every sample once.

    Args:
        arm: What is scored; it is in evaluation mode while this runs.
        split: The samples.
        processes: Who else scores batches of it; nobody where it is not given.
        description: Shown with the progress where it is given.
        room: What is known of the memory; it is told of a shortage.

    Returns:
        Each metric by its name, a ratio of sums, and ``loss``, a mean over samples.
    """
    processes, room = processes or Alone(), room or Room()
    size = EVALUATION_BATCH * (arm.configuration.batch_size or 1)
    batches = itertools.islice(whole(split, size), processes.index, None, processes.count)
    sums = Sums(arm.task)
    with arm.evaluating():
        for _, batch in track(batches, description, -(-len(split) // size)) if description else batches:
            outputs = room.fit(functools.partial(_outputs, arm, batch), len(batch))
            sums.add(outputs, batch.to(arm.precision.device))
    return sums.metrics(processes)


def _outputs(arm: Arm, batch: Batch, size: int) -> Tensor:
    """The outputs of a batch, so many samples at a time."""
    return torch.cat([arm.outputs(part) for part in batch.parts(size)])


class Sums:
    """The scores of a split while its batches go by.

    Args:
        task: Whose metrics they are.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._sums = torch.zeros(len(task.metrics) + 1, 2, dtype=torch.float64)

    def add(self, outputs: Tensor, batch: Batch) -> None:
        """Takes in the outputs of a batch, both on one device."""
        assert batch.targets is not None  # noqa: S101 - a split has targets; for the type checker
        losses = self._task.target.losses(outputs, batch.targets)
        ratios = [metric.score(outputs, batch.targets, batch) for metric in self._task.metrics]
        rows = [*ratios, (losses, torch.ones_like(losses))]
        self._sums += torch.stack([torch.stack([a.double().sum(), b.double().sum()]) for a, b in rows]).cpu()

    def metrics(self, processes: Processes) -> dict[str, float]:
        """Each metric by its name, a ratio of sums, and ``loss``, a mean over samples."""
        above, below = processes.total(self._sums).unbind(1)
        names = [*(metric.name for metric in self._task.metrics), "loss"]
        return dict(zip(names, (above / below).tolist(), strict=True))


def evaluate(
    place: str | Path,
    split: SplitName = "test",
    *,
    again: bool = False,
    backbone: str | None = None,
    device: str = "auto",
    data: Path | None = None,
) -> Evaluation:
    """The scores of a run or an adapter on a whole split, with the floors.

    The result is stored in ``record.json`` and returned on later calls.

    Args:
        place: A run's or an adapter's folder.
        split: ``train``, ``validation`` or ``test``.
        again: Score once more; the record counts the reads.
        backbone: Where the body is now, if not where it was.
        device: Where to compute.
        data: Where data files are.

    Raises:
        ConfigurationError: There is no such split.
        FptError: There is no adapter in ``place``, or another process works in it.
    """
    if split not in SPLITS:
        raise ConfigurationError(f"there is no split {split!r}", f"one of {', '.join(SPLITS)}")
    folder = record_folder(Path(place))
    with exclusive(folder):  # before the split is read: what is read must also be counted
        record = read_record(folder)
        stored = record.evaluations.get(split)
        if stored is not None and not again:
            return stored
        arm = load(place, backbone=backbone, device=device, data=data)
        evaluation = attrs.evolve(score_split(arm, split), reads=1 + (stored.reads if stored else 0))
        attrs.evolve(record, evaluations={**record.evaluations, split: evaluation}).write(folder)
    return evaluation


def score_split(arm: Arm, split: SplitName) -> Evaluation:
    """The scores of an arm on a whole split, with progress, and the floors."""
    samples = open_split(arm.plugins, arm.task, split, arm.configuration.seed)
    room = Room()
    return Evaluation(
        metrics=score(arm, samples, description=f"{split} split", room=room),
        floors=arm.task.floors(split),
        samples=len(samples),
        left_out=arm.task.left_out(split),
        at_a_time=room.size,
    )
