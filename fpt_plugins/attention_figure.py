"""Attention maps as a picture: a panel per layer, what is read out against all that it can look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from fpt_plugins.attention_map import AttentionMap, attention_maps
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.streams import seeded, stream_seed

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from fpt_plugins.arm import Arm

COLORS = "Blues"
FORMATS = (".png", ".svg", ".pdf")
CELL = 0.2
"""Inches of a cell, where there are few of them."""
SMALLEST, LARGEST = 1.4, 3.6
"""Inches of a panel's side."""
MOST_ACROSS = 4
"""Panels side by side, but for a row of heads."""
MOST_LABELS = 24
"""Of an axis; with more positions only every so many is labeled."""
POINTS = 7
"""The size of a label, and about twice the width of a letter."""


@attrs.frozen(eq=False)
class Panel:
    """One matrix of weights.

    Args:
        title: Above it.
        weights: ``[rows, keys]``.
        rows: Labels.
    """

    title: str
    weights: NDArray[np.float32]
    rows: tuple[str, ...]


def panels(found: AttentionMap, layers: Sequence[int], *, heads: bool) -> list[Panel]:
    """A panel per layer, its heads averaged; with ``heads`` a panel per head too.

    Where one position alone is read out, its rows of all layers, or heads, share a panel.
    """
    averaged = found.weights.mean(axis=1)  # [layers, queries, keys]
    if len(found.queries) > 1:
        shown = [[Panel(f"layer {layer}", averaged[layer], found.queries)] for layer in layers]
        for row, layer in zip(shown, layers, strict=True):
            weights = found.weights[layer] if heads else ()
            row += [Panel(f"layer {layer}, head {n}", each, found.queries) for n, each in enumerate(weights)]
        return [panel for row in shown for panel in row]
    rows = tuple(f"layer {layer}" for layer in layers)
    whole = [Panel("heads averaged" if heads else "", averaged[list(layers), 0], rows)]
    names = tuple(f"head {number}" for number in range(found.weights.shape[1]))
    single = [Panel(f"layer {layer}", found.weights[layer, :, 0], names) for layer in layers]
    return whole + single if heads else whole


def draw(found: AttentionMap, *, title: str, layers: Sequence[int] = (), heads: bool = False) -> Figure:
    """Attention maps as a figure of matplotlib's, for ``savefig``.

    Args:
        found: Of one sample.
        title: Above the whole.
        layers: Which, from 0; all where none is named.
        heads: Show each head beside their mean.

    Raises:
        ConfigurationError: A layer that is not there.
    """
    shown = panels(found, _layers(found, layers), heads=heads)
    down, across = _grid(len(shown), found.weights.shape[1] + 1 if heads and len(found.queries) > 1 else None)
    width, height = _inches(len(found.keys)), _inches(len(shown[0].rows))
    figure = Figure(
        figsize=(across * (width + 0.7) + 1.0, down * (height + 0.75) + 0.6), layout="constrained"
    )
    axes = figure.subplots(down, across, squeeze=False).flatten()
    for unused in axes[len(shown) :]:
        unused.remove()
    scale = PowerNorm(0.5, vmin=0.0, vmax=max(float(panel.weights.max()) for panel in shown))
    images = [_draw_panel(ax, panel, found.keys, scale) for ax, panel in zip(axes, shown, strict=False)]
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("token", fontsize=8)
    figure.supylabel("read out", fontsize=8)
    bar = figure.colorbar(images[0], ax=list(axes[: len(shown)]), shrink=0.9, aspect=20 * down, pad=0.01)
    bar.set_label("attention, on a square-root scale", fontsize=8)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)
    return figure


def layer_numbers(words: str) -> tuple[int, ...]:
    """``"0,5"`` as ``(0, 5)``.

    Raises:
        ConfigurationError: A word that is no whole number.
    """
    try:
        return tuple(int(word) for word in words.split(",") if word)
    except ValueError as error:
        raise ConfigurationError(
            f"--layers {words} names no layers by number", "write --layers 0,5"
        ) from error


def _layers(found: AttentionMap, asked: Sequence[int]) -> Sequence[int]:
    number = len(found.weights)
    for layer in asked:
        if not 0 <= layer < number:
            raise ConfigurationError(
                f"there is no layer {layer}: the body has {number}, from 0", f"give 0 to {number - 1}"
            )
    return asked or range(number)


def _grid(number: int, columns: int | None) -> tuple[int, int]:
    """Rows and columns of panels; of about equal length where no number of columns is given."""
    across = columns or math.ceil(number / math.ceil(number / MOST_ACROSS))
    return math.ceil(number / across), across


def _inches(cells: int) -> float:
    return min(max(cells * CELL, SMALLEST), LARGEST)


def _draw_panel(ax: Axes, panel: Panel, keys: tuple[str, ...], scale: PowerNorm) -> Any:
    image = ax.imshow(panel.weights, cmap=COLORS, norm=scale, aspect="auto")
    ax.set_title(panel.title, fontsize=8)
    _label(ax, "x", keys)
    _label(ax, "y", panel.rows)
    ax.spines[:].set_visible(False)
    return image


def _label(ax: Axes, axis: Literal["x", "y"], labels: tuple[str, ...]) -> None:
    places = list(range(0, len(labels), math.ceil(len(labels) / MOST_LABELS)))
    room = 72 * _inches(len(labels)) / len(places)  # points of a label
    upright = axis == "x" and max(map(len, labels)) * POINTS > 1.3 * room
    set_ticks = ax.set_xticks if axis == "x" else ax.set_yticks
    set_ticks(places, [labels[place] for place in places], rotation=90 if upright else 0)
    ax.tick_params(axis=axis, labelsize=POINTS, length=0)


def write_attention(
    arm: Arm,
    out: Path,
    *,
    split: Literal["validation", "train"] = "validation",
    sample: int = 0,
    layers: Sequence[int] = (),
    heads: bool = False,
) -> Path:
    """Draws the attention maps of one sample of a task's own data.

    Args:
        arm: A model, trained or not.
        out: The picture: ``.png``, ``.svg`` or ``.pdf``.
        split: Of the task's data. The test split is there for one score alone.
        sample: Its place in the split.
        layers: Which, from 0; all where none is named.
        heads: Show each head beside their mean.

    Raises:
        ConfigurationError: The body does not attend, there is no such sample or layer, or ``out`` is of
            another format.
    """
    if out.suffix not in FORMATS:
        raise ConfigurationError(f"{out} is no picture's name", f"end it with {', '.join(FORMATS)}")
    found = sample_attention(arm, split, sample)
    settings = arm.configuration
    title = f"{settings.task} on {settings.backbone} ({settings.init}), {split} sample {sample}"
    draw(found, title=title, layers=layers, heads=heads).savefig(out, dpi=150)
    return out


def sample_attention(
    arm: Arm, split: Literal["validation", "train"] = "validation", sample: int = 0
) -> AttentionMap:
    """The attention maps of one sample of a task's own data.

    Args:
        arm: A model, trained or not.
        split: Of the task's data. The test split is there for one score alone.
        sample: Its place in the split.

    Raises:
        ConfigurationError: The body does not attend, or there is no such sample.
    """
    (found,) = attention_maps(arm, [_sample(arm, split, sample)])
    return found


def _sample(arm: Arm, split: Literal["validation", "train"], place: int) -> Any:
    dataset: Any = arm.task.split(split)
    if not 0 <= place < len(dataset):
        raise ConfigurationError(
            f"there is no sample {place}: the {split} split has {len(dataset)}, from 0",
            f"give one from 0 to {len(dataset) - 1}",
        )
    with seeded(stream_seed(arm.configuration.seed, "sample", 0, place)):  # a picture may be augmented
        return dataset[place][0]
