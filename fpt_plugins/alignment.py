"""Input alignment: an optional stage before step 0 that trains the input embedding alone.

Its outputs on training data are made to be distributed as the pretrained token embeddings are, so
that the body first meets something like what it was trained on (Shen et al., 2023, ORCA, with
another distance).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from fpt_plugins.configuration import Configuration
from fpt_plugins.data import Samples
from fpt_plugins.distances import DISTANCES
from fpt_plugins.errors import ConfigurationError, NonFiniteError
from fpt_plugins.order import Order
from fpt_plugins.streams import preserved_generators, seed_dropout, stream_seed

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm

MOST_VECTORS = 1024
"""Of a batch's embedded tokens at most so many are compared: the discrepancy takes their square."""


def check_alignment(settings: Configuration, processes: int) -> None:
    """Refuses a distance without steps, steps without a distance, and several processes.

    Raises:
        ConfigurationError: One of both settings would have no effect, or each process would align for itself.
    """
    if settings.align_steps and processes > 1:
        raise ConfigurationError(
            f"input alignment runs in one process, and here are {processes}", "start it without a launcher"
        )
    if settings.align and not settings.align_steps:
        raise ConfigurationError(
            f"--align {settings.align} does nothing in 0 steps", "say how many: --align-steps 100"
        )
    if settings.align_steps and not settings.align:
        raise ConfigurationError(
            f"--align-steps {settings.align_steps} has no distance to make smaller",
            f"add one: --align {' or --align '.join(DISTANCES)}",
        )


class Alignment:
    """The stage of one run. It draws from streams of its own: what follows is drawn as without it.

    Args:
        arm: Whose input embedding it trains; its first stage must train it too.
        split: The training samples.

    Raises:
        ConfigurationError: The policy freezes the input embedding, or the body has no pretrained token
            embeddings.
    """

    def __init__(self, arm: Arm, split: Samples) -> None:
        settings = self._settings = arm.configuration
        self._arm, self._split, self._names = arm, split, _trained_names(arm)
        self._order = Order(len(split), settings.batch_size or 1, stream_seed(settings.seed, "align"))
        self._distance = DISTANCES[settings.align or ""](token_embeddings(arm))
        self.outcome: dict[str, float] = {}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Trains, yielding each step's distance; then ``outcome`` has one sample's, before and after."""
        before = self._measure()
        parameters = [self._arm.model.get_parameter(name) for name in self._names]
        rate = self._settings.group_lr.get("input", self._settings.lr or 0.0)
        optimizer = torch.optim.Adam(parameters, lr=rate)
        for step in range(self._settings.align_steps):
            distance = self._between(step)
            if not math.isfinite(distance.item()):
                raise NonFiniteError(f"at step {step + 1} of the alignment the distance is {distance.item()}")
            gradients = torch.autograd.grad(distance, parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            optimizer.zero_grad()
            yield {"split": "align", "align_step": step + 1, "distance": distance.item()}
        self.outcome = {"before": before, "after": self._measure()}

    def _measure(self) -> float:
        """The distance of one sample, the same whenever it is asked for."""
        with self._arm.evaluating():
            return self._between("measure").item()

    def _between(self, step: int | str) -> Tensor:
        """The distance of the embedded tokens of a step's batch; of the first batch where it is a word."""
        seed = stream_seed(self._settings.seed, "align", step)
        generator = torch.Generator().manual_seed(seed)
        batch = self._split.batch(self._order.at(step if isinstance(step, int) else 0))
        batch = batch.to(self._arm.precision.device)
        with preserved_generators():
            seed_dropout(seed, batch.tokens.device)
            embedded = self._arm.model.input_embedding(batch.tokens)  # [B, T, D]
        vectors = embedded[batch.attention_mask].float()  # [N, D]
        chosen = torch.randperm(len(vectors), generator=generator)[:MOST_VECTORS]
        return self._distance(vectors[chosen.to(vectors.device)], generator)


def token_embeddings(arm: Arm) -> Tensor:
    """The pretrained token embeddings ``[V, D]`` of an arm's body, on its device.

    Raises:
        ConfigurationError: The body has none.
    """
    read = getattr(arm.model.backbone, "token_embeddings", None)
    if read is None:
        raise ConfigurationError(
            f"--align needs pretrained token embeddings, and the body {arm.spec.name} has none",
            "take a body that was pretrained on tokens: --backbone minilm",
        )
    found: Tensor = read().to(arm.precision.device, torch.float32)
    return found


def _trained_names(arm: Arm) -> list[str]:
    """The parameters of the input embedding; what the first stage freezes is frozen here too."""
    found = [name for name in arm.partition.groups["input"] if name in arm.partition.stages[0].names]
    if not found:
        policy = arm.partition.stages[0].policy
        raise ConfigurationError(
            f"--align trains the input embedding, which --train {policy} freezes",
            f"train it too: --train {policy},input",
        )
    return found
