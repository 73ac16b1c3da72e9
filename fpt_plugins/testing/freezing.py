"""L3, trains: what is frozen stays, bit for bit and in what it computes, whatever the plugin does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fpt_plugins.errors import FrozenError
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.learning_probes import global_state, outputs_of_the_body
from fpt_plugins.testing.result import ContractBroken
from fpt_plugins.testing.subject import HEADS, WIDTH

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

STEPS = 3
TOLERANCE = 1e-5
"""Between one computation in two processes, whose numbers of threads may differ."""


def check_frozen(plugin: Subject) -> None:
    """Three steps of the core's own loop change no frozen tensor, no output of a frozen part, no setting."""
    for task in plugin.tasks:
        before = global_state()
        _train(plugin, task)
        for setting, value in global_state().items():
            if value != before[setting]:
                raise ContractBroken(
                    f"{task.name} changes {setting}: {before[setting]} to {value}",
                    "one plugin must not change another's results",
                )
    here = outputs_of_the_body(WIDTH, HEADS)
    elsewhere = ask("learning_probes.outputs_of_the_body", WIDTH, HEADS)
    if max(abs(one - other) for one, other in zip(here, elsewhere, strict=True)) > TOLERANCE:
        raise ContractBroken(
            f"a body computes otherwise in a process that has used {plugin.name} than in one that has not",
            "replace no function or class of torch",
        )


def _train(plugin: Subject, task: Task) -> None:
    from fpt_plugins.probe import OutputProbe
    from fpt_plugins.training import open_training

    folder = plugin.folder / f"{task.name.replace('/', '-')}-frozen"
    settings = {**plugin.settings(task), "steps": STEPS, "batch_size": 4}
    try:
        with open_training(plugin.address(task), folder, resume=False, settings=settings) as training:
            arm = training.arm
            probe, before = OutputProbe(arm.model.backbone, arm.precision), _held(arm)
            for _ in training.rows():
                pass
            _compare(task, before, _held(arm))
            probe.verify()
            training.finish()
    except FrozenError as error:
        raise ContractBroken(f"{task.name}: {error.message}", error.remedy) from error


def _held(arm: Arm) -> dict[str, str]:
    """A SHA-256 of each frozen parameter and of every buffer, the plugin's modules' own among them."""
    tensors = {n: p.detach() for n, p in arm.model.named_parameters() if not p.requires_grad}
    tensors.update(arm.model.named_buffers())
    return {
        name: hashlib.sha256(tensor.cpu().contiguous().numpy().tobytes()).hexdigest()
        for name, tensor in tensors.items()
    }


def _compare(task: Task, before: dict[str, str], after: dict[str, str]) -> None:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            raise ContractBroken(
                f"{task.name}: {name} is frozen, or a buffer, and changed in {STEPS} steps",
                "what changes must be a parameter: an adapter holds nothing else",
            )
