"""What is known of a run when it is over: one record, written beside its adapter."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins.backbone import Group
from fpt_plugins.errors import FptError
from fpt_plugins.formats import stamped
from fpt_plugins.freezing import Partition
from fpt_plugins.options import converter
from fpt_plugins.sealed_values import read_sealed_as
from fpt_plugins.storage import sealed, write_file
from fpt_plugins.task import Floor

RECORD = "record.json"
FORMAT = 1
QUANTIZER = "torchao"
_LIBRARIES = ("fpt-plugins", "torch", "transformers", "peft", "accelerate", "numpy", "safetensors")


@attrs.frozen(kw_only=True)
class Evaluation:
    """The scores of one split, read whole.

    Args:
        metrics: Each metric by its name, and ``loss``.
        floors: What needs no learning, on the same split.
        samples: How many were scored.
        reads: How often the split was scored; the test split should say 1.
        left_out: Records that are not in the split, by reason.
        at_a_time: How many samples were scored at a time where memory did not suffice for more.
    """

    metrics: Mapping[str, float]
    floors: tuple[Floor, ...]
    samples: int
    reads: int = 1
    left_out: Mapping[str, int] = attrs.field(factory=dict)
    at_a_time: int | None = None


@attrs.frozen(kw_only=True)
class GroupCount:
    """The size of one parameter group and whether it trained.

    Args:
        parameters: Elements of the group.
        trained: Whether any of them trained.
        partly: How many trained where not all did, ``None`` where all or none did.
    """

    parameters: int
    trained: bool
    partly: int | None = None

    @property
    def trained_parameters(self) -> int:
        """Elements of the group that trained."""
        return self.partly if self.partly is not None else self.parameters * self.trained


def group_counts(partition: Partition) -> dict[str, GroupCount]:
    """Each parameter group's size and how much of it trains."""
    return {str(group): _group_count(partition, group) for group in partition.groups}


def _group_count(partition: Partition, group: Group) -> GroupCount:
    whole, trained = partition.count(group), partition.count_trained(group)
    partly = trained if 0 < trained < whole else None
    return GroupCount(parameters=whole, trained=trained > 0, partly=partly)


@attrs.frozen(kw_only=True)
class StageRecord:
    """One stage of a run.

    Args:
        step: Steps taken before it began.
        policy: What trained.
        held_digest: Of what was frozen, at its first step and at its last.
    """

    step: int
    policy: str
    held_digest: str


@attrs.frozen(kw_only=True)
class RunRecord:
    """One run, as facts.

    Args:
        configuration: Every setting, resolved.
        versions: Libraries by name; plugins by distribution.
        machine: Python, platform, processor, threads, device, precision.
        parameters: Each group's size.
        source_digest: Of the body as loaded.
        held_digest_before: Of what is frozen, before the first step of the process that finished.
        held_digest_after: The same after the last; equal, or there would be no record.
        steps: Optimizer steps taken.
        best_step: The step whose parameters the adapter holds, by validation.
        seconds: Spent in training and validation, over all sessions of the run.
        adapter_bytes: The size of ``adapter.safetensors``.
        evaluations: By split; ``validation`` is that of the best step.
        stages: In order; the digests above are those of the last.
        alignment: The distance of the embedded inputs from the pretrained token embeddings ``before`` and
            ``after`` input alignment; empty where there was none.
        left_out: Records that are not in the training split, by reason.
        micro_batch_sizes: Samples at a time from a step on, where memory did not suffice for more:
            ``{"7": 4}``.
        not_bitwise: Why its last bits may differ from those of a run that never stopped: what had
            changed where it was resumed.
    """

    configuration: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, str]
    parameters: dict[str, GroupCount]
    source_digest: str
    held_digest_before: str
    held_digest_after: str
    steps: int
    best_step: int
    seconds: float
    adapter_bytes: int
    evaluations: dict[str, Evaluation]
    stages: tuple[StageRecord, ...] = ()
    alignment: dict[str, float] = attrs.field(factory=dict)
    left_out: Mapping[str, int] = attrs.field(factory=dict)
    micro_batch_sizes: dict[str, int] = attrs.field(factory=dict)
    not_bitwise: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Writes ``record.json`` into ``folder``."""
        write_file(folder / RECORD, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of ``record.json``."""
        return sealed(stamped(converter().unstructure(self), FORMAT))


def read_record(folder: Path) -> RunRecord:
    """The record of a run's or an adapter's folder.

    Raises:
        IntegrityError: It is missing, damaged, or not a record.
    """
    return read_sealed_as(RunRecord, folder / RECORD, "run record", FORMAT)


def record_folder(place: Path) -> Path:
    """The folder that holds the record of a run, of its adapter, or of an exported adapter.

    Raises:
        FptError: There is none.
    """
    if (place / RECORD).is_file():
        return place
    if place.name == "adapter" and (place.parent / RECORD).is_file():
        return place.parent
    if (place / "run.json").is_file():
        raise FptError(f"the run in {place} is not finished", f"fpt train TASK --resume --out {place}")
    raise FptError(
        f"{place} holds no {RECORD}: no run has finished there",
        "fpt train TASK --out FOLDER makes one; fpt export keeps it beside the adapter",
    )


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that a result depends on; an optional one where it is there."""
    known = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        known[QUANTIZER] = importlib.metadata.version(QUANTIZER)
    return known


def machine_facts(device: str, precision: str) -> dict[str, str]:
    """Where it ran: nothing that names a person or a network."""
    import torch

    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": str(processor),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "precision": precision,
    }
