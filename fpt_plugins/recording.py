"""From a run that is over to its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpt_plugins.freezing import FrozenState
from fpt_plugins.record import (
    Evaluation,
    RunRecord,
    StageRecord,
    group_counts,
    library_versions,
    machine_facts,
)

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.checkpoint import Checkpoint


def run_record(
    arm: Arm, state: Checkpoint, *, held_digest: str, samples: int, adapter_bytes: int
) -> RunRecord:
    """What is known of a run whose frozen tensors were just verified.

    Args:
        arm: What trained.
        state: Where the run stands.
        held_digest: Of what its last stage froze, taken before its first step in this process.
        samples: In the validation split.
        adapter_bytes: The size of ``adapter.safetensors``.
    """
    plugins = {plugin["distribution"]: plugin["version"] for plugin in arm.versions.values()}
    return RunRecord(
        configuration=arm.configuration.to_json(),
        versions={**library_versions(), **plugins},
        machine=machine_facts(str(arm.precision.device), arm.precision.name),
        parameters=group_counts(arm.partition),
        source_digest=arm.model.backbone.source_digest,
        held_digest_before=held_digest,
        held_digest_after=FrozenState(arm.model).held_digest,  # taken anew, from the tensors as they are
        steps=state.step,
        best_step=state.best_step,
        seconds=round(state.seconds, 3),
        adapter_bytes=adapter_bytes,
        evaluations={"validation": _validation(arm, state, samples)},
        stages=_stages(arm, state),
        alignment=state.alignment,
        left_out=arm.task.left_out("train"),
        micro_batch_sizes=state.micro_batch_sizes,
        not_bitwise=tuple(state.not_bitwise),
    )


def _validation(arm: Arm, state: Checkpoint, samples: int) -> Evaluation:
    return Evaluation(
        metrics=state.best_metrics,
        floors=arm.task.floors("validation"),
        samples=samples,
        reads=-(-state.step // (arm.configuration.evaluate_every or 1)),
        left_out=arm.task.left_out("validation"),
        at_a_time=state.scoring.size,
    )


def _stages(arm: Arm, state: Checkpoint) -> tuple[StageRecord, ...]:
    return tuple(
        StageRecord(step=each.step, policy=each.policy, held_digest=state.held_digests[str(each.step)])
        for each in arm.partition.stages
    )
