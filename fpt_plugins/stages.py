"""Staged unfreezing: another policy from some step on, each stage with its own frozen set.

One optimizer has the parameters of all stages, and Adam leaves alone what has no gradient. So what
a stage keeps goes on with its moments, and what it adds begins without any.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

MARK = "@"


@attrs.frozen
class Stage:
    """A policy and the number of steps after which it begins.

    Args:
        step: Steps taken before it.
        policy: Its words, joined by commas.
    """

    step: int
    policy: str


@attrs.frozen
class TrainedStage:
    """What a stage trains in one model.

    Args:
        stage: When it begins and its policy.
        names: The parameters that train.
    """

    stage: Stage
    names: frozenset[str]

    @property
    def step(self) -> int:
        """Steps taken before it."""
        return self.stage.step

    @property
    def policy(self) -> str:
        """Its words."""
        return self.stage.policy


def read_stages(words: str) -> tuple[Stage, ...]:
    """The stages of ``--train``: policies joined by commas, with ``@STEP`` where the next stage begins.

    Raises:
        ConfigurationError: A step that is no whole number, or not after the one before.

    Example:
        >>> read_stages("head,@200,head,layer_norm")
        (Stage(step=0, policy='head'), Stage(step=200, policy='head,layer_norm'))
    """
    stages, begun, found = [], 0, list[str]()
    for word in words.split(","):
        if word.strip().startswith(MARK):
            stages.append(Stage(begun, ",".join(found)))
            begun, found = _step(word.strip(), words), []
        else:
            found.append(word.strip())
    stages.append(Stage(begun, ",".join(found)))
    for before, after in pairwise(stages):
        if after.step <= before.step:
            raise ConfigurationError(f"--train {words}: a stage at step {after.step} follows {before.step}")
    return tuple(stages)


def _step(word: str, words: str) -> int:
    digits = word.removeprefix(MARK)
    if not digits.isdecimal():
        raise ConfigurationError(f"--train {words}: {word!r} is no step", "write head,@200,fpt")
    return int(digits)


def stage_at(stages: tuple[TrainedStage, ...], step: int) -> TrainedStage:
    """The stage of the step that follows ``step`` others."""
    return next(each for each in reversed(stages) if each.step <= step)


def check_stages(stages: tuple[TrainedStage, ...], steps: int, processes: int) -> None:
    """Refuses stages that a run cannot have.

    Raises:
        ConfigurationError: One begins when the run is over, or there are several processes, which
            agree on what trains before the first step.
    """
    last = stages[-1]
    if last.step and last.step >= steps:
        raise ConfigurationError(
            f"the stage {last.policy} would begin at step {last.step}, and the run has {steps}",
            f"add --steps with more than {last.step}",
        )
    if last.step and processes > 1:
        raise ConfigurationError(
            f"staged unfreezing runs in one process, and here are {processes}", "start it without a launcher"
        )


def begin_stage(trained: TrainedStage, model: Module, optimizer: torch.optim.Optimizer) -> None:
    """Freezes what a stage does not train, and forgets its moments: trained again, it begins anew."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained.names)
        if name not in trained.names:
            optimizer.state.pop(parameter, None)
