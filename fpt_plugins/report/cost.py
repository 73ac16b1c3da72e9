"""What an arm costs: steps, seconds, and floating-point operations by a stated formula."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

import attrs

from fpt_plugins.errors import FptError
from fpt_plugins.record import GroupCount, RunRecord
from fpt_plugins.report.declared_task import declared_task
from fpt_plugins.report.summary import Summary, summarize
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.results import StudyCell, StudyResults

FORMULA = (
    "FLOPs of training = steps x batch x tokens x (2N forward + 2N for the gradient that passes through + "
    "2M for the gradients of what trains), after Kaplan et al. 2020 (arXiv 2001.08361, section 2.1), "
    "whose 6N is the case M = N. N: parameters of all groups but tables of positions and of tokens, which "
    "multiply nothing; M: those of N that train. Tokens: the task's longest sequence, so an upper bound "
    "for ragged data, and for a last block that computes only what is read out (--fast last-block). Where "
    "the head alone trains, no gradient passes through the body, and only the head's 2N is counted there; "
    "kept features make the forward pass cheaper than this. Left out, as there: attention's own products "
    "of queries and keys, which is right for sequences shorter than about 12 times the width; and "
    "validation."
)

TABLES_OF_ROWS = ("position", "token_embedding")
"""Groups that are looked up or added, and multiply nothing."""


@attrs.frozen(kw_only=True)
class ArmCost:
    """Of one arm on one task.

    Args:
        arm: Which.
        trained: Parameters that train; ``None`` before a run is done.
        parameters: Of the whole model.
        steps: Of one run.
        seconds: Of a run at the chosen rate, over its seeds.
        sweep_seconds: Of all runs of the sweep together; ``None`` where one is missing.
        operations: Floating-point operations of one run's training; ``None`` where the task's plugin
            is not installed.
    """

    arm: StudyArm
    trained: int | None
    parameters: int | None
    steps: int | None
    seconds: Summary | None
    sweep_seconds: float | None
    operations: float | None


def cost_of(results: StudyResults, arm: StudyArm) -> ArmCost:
    """What one arm cost."""
    finals = results.select(arm.task, arm.name, "final")
    sweep = summarize(_seconds(cell) for cell in results.select(arm.task, arm.name, "sweep"))
    record = next((cell.record for cell in finals if cell.record), None)
    groups = record.parameters.values() if record else ()
    return ArmCost(
        arm=arm,
        trained=sum(group.trained_parameters for group in groups) if record else None,
        parameters=sum(group.parameters for group in groups) if record else None,
        steps=record.steps if record else None,
        seconds=summarize(map(_seconds, finals)),
        sweep_seconds=sum(sweep.values) if sweep else None,
        operations=_operations(record) if record else None,
    )


def _seconds(cell: StudyCell) -> float | None:
    return cell.record.seconds if cell.record else None


def _operations(record: RunRecord) -> float | None:
    length = _longest_sequence(json.dumps(record.configuration, sort_keys=True))
    if length is None:
        return None
    tokens: int = record.steps * record.configuration["batch_size"] * length
    return tokens * operations_per_token(record.parameters)


def operations_per_token(parameters: Mapping[str, GroupCount]) -> float:
    """Floating-point operations of one token's step.

    Args:
        parameters: Each group's size and how much of it trains, as a run's record has them.
    """
    multiply = {name: group for name, group in parameters.items() if name not in TABLES_OF_ROWS}
    size = sum(group.parameters for group in multiply.values())
    trained = sum(group.trained_parameters for group in multiply.values())
    head_alone = all(name == "head" for name, group in parameters.items() if group.trained)
    passed = multiply["head"].parameters if head_alone and "head" in multiply else size
    return 2.0 * (size + passed + trained)


@functools.cache
def _longest_sequence(configuration: str) -> int | None:
    try:
        return declared_task(json.loads(configuration)).sequence.max_length
    except FptError:
        return None
