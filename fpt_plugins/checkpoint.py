"""Checkpoints: all that a run needs to continue as if it had never stopped. No pickle.

A folder ``checkpoints/step-000400``: trained tensors, the best ones, Adam's moments, and a small
JSON state. Random states and the data's position are functions of the seed and the step
(:mod:`fpt_plugins.streams`, :class:`fpt_plugins.order.Order`): there is nothing to save of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import safetensors.torch
import torch

from fpt_plugins.errors import IntegrityError
from fpt_plugins.formats import stamped
from fpt_plugins.memory import Room
from fpt_plugins.metric import Metric
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import read_folder, sealed, sweep, with_manifest, write_folder
from fpt_plugins.tensor_file import most_bytes, read_tensors
from fpt_plugins.trained_tensors import check_tensors, put_tensors, trained_parameters, trained_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

CHECKPOINTS = "checkpoints"
FORMAT = 1
ARRAYS_EACH = 3
"""That the optimizer keeps of a parameter, at most."""
_TENSORS = ("trained.safetensors", "best.safetensors", "optimizer.safetensors")
PLAIN = (
    *("step", "seconds", "best_step", "best_metrics", "held_digests", "alignment", "clipped"),
    *("micro_batch_sizes", "circumstances", "not_bitwise", "rows_sha256"),
)
"""What the JSON state holds of a :class:`Checkpoint`."""


@attrs.define
class Checkpoint:
    """Where a run stands.

    Args:
        step: Optimizer steps taken.
        seconds: Spent on them and on validation.
        best_step: The best step so far, by validation; 0 before the first look.
        best_metrics: Its validation metrics.
        best_tensors: Its trained tensors.
        saved_step: The step of the newest checkpoint on disk, if there is one.
        held_digests: Of what each stage froze, by the step after which it began.
        alignment: The distance of the embedded inputs ``before`` and ``after`` input alignment, if it ran.
        clipped: Steps whose gradient was clipped.
        micro_batch_sizes: Samples at a time from a step on, where memory did not suffice for more.
        circumstances: What its last bits depend on beside its settings.
        not_bitwise: Why it may differ in its last bits from a run that never stopped.
        rows_sha256: Of the rows of ``metrics.jsonl`` up to ``step``.
        scoring: For how many samples there is memory at a look at validation data; the rows say it on disk.
    """

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_metrics: dict[str, float] = attrs.field(factory=dict)
    best_tensors: dict[str, Tensor] = attrs.field(factory=dict)
    saved_step: int | None = None
    held_digests: dict[str, str] = attrs.field(factory=dict)
    alignment: dict[str, float] = attrs.field(factory=dict)
    clipped: int = 0
    micro_batch_sizes: dict[str, int] = attrs.field(factory=dict)
    circumstances: dict[str, str] = attrs.field(factory=dict)
    not_bitwise: list[str] = attrs.field(factory=list)
    rows_sha256: str = ""
    scoring: Room = attrs.field(factory=Room)

    def is_better(self, metrics: Mapping[str, float], metric: Metric) -> bool:
        """Whether these are the best so far: by the metric, and among equals by the loss."""
        sign = 1 if metric.higher_is_better else -1
        if not self.best_metrics:
            return True
        new, best = ((sign * found[metric.name], -found["loss"]) for found in (metrics, self.best_metrics))
        return new > best


@attrs.frozen
class _State:
    """What ``state.json`` holds; all of it, or it is refused."""

    step: int
    seconds: float
    best_step: int
    best_metrics: dict[str, float]
    held_digests: dict[str, str]
    alignment: dict[str, float]
    clipped: int
    micro_batch_sizes: dict[str, int]
    circumstances: dict[str, str]
    not_bitwise: list[str]
    rows_sha256: str


def save_checkpoint(folder: Path, arm: Arm, optimizer: torch.optim.Optimizer, state: Checkpoint) -> None:
    """Writes the checkpoint of the current step and removes the older ones."""
    path = folder / CHECKPOINTS / f"step-{state.step:09d}"
    plain = {name: getattr(state, name) for name in PLAIN}
    files = {
        "trained.safetensors": safetensors.torch.save(trained_tensors(arm)),
        "best.safetensors": safetensors.torch.save(state.best_tensors),
        "optimizer.safetensors": safetensors.torch.save(_moments(arm, optimizer)),
        "state.json": sealed(stamped(plain, FORMAT)),
    }
    if not path.exists():
        write_folder(path, with_manifest(files))
    for older in sorted(path.parent.glob("step-*")):
        if older.name < path.name:
            shutil.rmtree(older)


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or ``None``; sweeps what dead writers left."""
    checkpoints = folder / CHECKPOINTS
    if not checkpoints.is_dir():
        return None
    sweep(checkpoints)
    return max(checkpoints.glob("step-*"), default=None)


def restore(arm: Arm, optimizer: torch.optim.Optimizer, path: Path) -> Checkpoint:
    """Puts a checkpoint back into an arm and its optimizer.

    Raises:
        IntegrityError: A part is missing, damaged, or of another arm; nothing is filled in.
    """
    files = read_folder(path, ARRAYS_EACH * most_bytes(trained_parameters(arm)))
    for name in (*_TENSORS, "state.json"):
        if name not in files:
            raise IntegrityError(
                f"{path} has no {name}", "resume from another copy of the run, or train again"
            )
    trained, best, moments = (read_tensors(files[name], path / name) for name in _TENSORS)
    state = read_sealed_as(_State, path / "state.json", "state of a run", FORMAT)
    put_tensors(arm, trained, path)
    _put_moments(arm, optimizer, moments, path)
    if state.best_step:  # before the first look there is none
        check_tensors(arm, best, path)
    return Checkpoint(**attrs.asdict(state), best_tensors=best, saved_step=state.step)


def _moments(arm: Arm, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    parameters = {name: arm.model.get_parameter(name) for name in arm.partition.trained_names}
    return {
        f"{name}/{key}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, parameter in parameters.items()
        for key, value in (optimizer.state.get(parameter) or _at_rest(parameter)).items()
    }


def _at_rest(parameter: Tensor) -> dict[str, Tensor]:
    """What Adam begins with: of a parameter that no gradient has reached yet."""
    still = torch.zeros_like(parameter)
    return {"step": torch.tensor(0.0), "exp_avg": still, "exp_avg_sq": still.clone()}


def _put_moments(
    arm: Arm, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], path: Path
) -> None:
    for name in arm.partition.trained_names:
        parameter = arm.model.get_parameter(name)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if f"{name}/{key}" not in tensors:
                raise IntegrityError(f"{path}: the optimizer's {key} of {name} is missing")
            found, shape = tensors[f"{name}/{key}"], () if key == "step" else parameter.shape
            if found.shape != shape or not found.is_floating_point():
                raise IntegrityError(
                    f"{path}: the optimizer's {key} of {name} is {found.dtype} {[*found.shape]}"
                )
            optimizer.state[parameter][key] = found.to(parameter.device)
