"""The learning-rate range test: one short run whose rate grows until the loss does.

Source: Smith 2017 (arXiv 1506.01186), with the smoothing and the steepest slope of later practice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import torch

from fpt_plugins.arm import Arm, assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.data import Samples
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.finite_steps import moved_parameters
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.order import Order
from fpt_plugins.progress import track
from fpt_plugins.streams import preserved_generators, seed_dropout, stream_seed
from fpt_plugins.token_cache import open_split

SMOOTHING = 0.9
"""Of the exponential average of the losses."""

DIVERGED = 4.0
"""The test ends where the smoothed loss is this many times its least."""


@attrs.frozen(kw_only=True)
class RangePoint:
    """One step of the test.

    Args:
        rate: Its learning rate.
        loss: Of its batch.
        smoothed: The losses so far, averaged with exponentially falling weights.
    """

    rate: float
    loss: float
    smoothed: float


@attrs.frozen(kw_only=True)
class RateRange:
    """What a range test found.

    Args:
        points: Step by step.
        steepest: The rate at which the smoothed loss falls fastest per decade.
        least: The rate at which it is least.
    """

    points: tuple[RangePoint, ...]
    steepest: float
    least: float

    @property
    def sweep(self) -> tuple[float, ...]:
        """Rates worth a sweep: two per decade, from a tenth of the steepest to where the loss is least."""
        low = math.log10(max(self.steepest / 10, self.points[0].rate))
        high = math.log10(max(self.least, self.steepest))
        places = range(round(2 * low), max(round(2 * high), round(2 * low) + 1) + 1)
        return tuple(float(f"{10 ** (place / 2):.1g}") for place in places)


def find_rates(
    configuration: Configuration, *, low: float = 1e-6, high: float = 1.0, steps: int = 100
) -> RateRange:
    """Trains with a rate that grows from ``low`` to ``high`` by equal factors, and watches the loss.

    Args:
        configuration: What is trained; ``group_lr`` keeps its proportions.
        low: The first step's rate.
        high: The last step's.
        steps: How many, unless the loss grows beyond measure before.

    Raises:
        ConfigurationError: The range is empty, or too few steps came before the loss was no number.

    Example:
        >>> found = find_rates(Configuration.of("bits/xor", backbone="none"), steps=5)
        >>> len(found.points)
        5
    """
    if not 0 < low < high or steps < 3:
        raise ConfigurationError(
            f"no range: {steps} steps from {low:g} to {high:g}",
            "give --low above 0, --high above --low, and 3 --steps or more",
        )
    with preserved_generators():
        points = tuple(_points(assemble(configuration), low, (high / low) ** (1 / (steps - 1)), steps))
    if len(points) < 3:
        raise ConfigurationError(
            f"the loss was no number after {len(points)} steps from {low:g}", "begin with a smaller --low"
        )
    settled = points[len(points) // 10 :]  # an average of few losses is as noisy as they are
    slopes = [after.smoothed - before.smoothed for before, after in itertools.pairwise(settled)]
    steepest = settled[1 + min(range(len(slopes)), key=slopes.__getitem__)]
    least = min(points, key=lambda point: point.smoothed)
    return RateRange(points=points, steepest=steepest.rate, least=least.rate)


def _points(arm: Arm, low: float, factor: float, steps: int) -> Iterator[RangePoint]:
    settings, optimizer = arm.configuration, make_optimizer(arm)
    proportions = [group["lr"] / (settings.lr or 1.0) for group in optimizer.param_groups]
    split = open_split(arm.plugins, arm.task, "train", settings.seed)
    order = Order(len(split), settings.batch_size or 1, settings.seed)
    average, least = 0.0, math.inf
    arm.model.train()
    for step in track(range(steps), "learning rates"):
        rate = low * factor**step
        for group, proportion in zip(optimizer.param_groups, proportions, strict=True):
            group["lr"] = rate * proportion
        loss = _step(arm, optimizer, split, order.at(step), step)
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING ** (step + 1))  # without the pull of the zero it began with
        least = min(least, smoothed)
        if not math.isfinite(loss) or smoothed > DIVERGED * least:
            return
        yield RangePoint(rate=rate, loss=loss, smoothed=smoothed)


def _step(
    arm: Arm, optimizer: torch.optim.Optimizer, split: Samples, samples: list[tuple[int, int]], step: int
) -> float:
    batch = split.batch(samples).to(arm.precision.device)
    seed_dropout(stream_seed(arm.configuration.seed, "dropout", step, 0), batch.tokens.device)
    loss = arm.task.target.losses(arm.outputs(batch), batch.targets).mean()  # type: ignore[arg-type] # a split has targets
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(moved_parameters(optimizer), arm.configuration.clip or math.inf)
    optimizer.step()
    return loss.item()


def draw(found: RateRange, path: Path, title: str) -> None:
    """Writes a picture of the loss over the rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes: Any = figure.subplots()
    rates = [point.rate for point in found.points]
    axes.plot(rates, [point.loss for point in found.points], color="0.8", label="loss of each batch")
    axes.plot(rates, [point.smoothed for point in found.points], color="tab:blue", label="smoothed")
    for rate, name, style in ((found.steepest, "steepest", "--"), (found.least, "least", ":")):
        axes.axvline(rate, color="tab:orange", linestyle=style, label=f"{name}, {rate:.1g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
