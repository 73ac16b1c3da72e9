"""Lines with bands and marks: learning curves, learning rates, and any axis of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import matplotlib as mpl
from matplotlib.figure import Figure

from fpt_plugins.report.figure import INK, SERIES, STYLE
from fpt_plugins.report.tuples import floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv*P"
DASHES = ("-", "--", ":")
"""A second round of colors has other dashes."""


@attrs.frozen(kw_only=True)
class Line:
    """One arm's line.

    Args:
        label: In the legend.
        x: Places.
        y: Heights.
        low: Of the band; empty for none.
        high: Of the band.
        marked: The place that is ringed.
    """

    label: str
    x: tuple[float, ...] = attrs.field(converter=floats)
    y: tuple[float, ...] = attrs.field(converter=floats)
    low: tuple[float, ...] = attrs.field(default=(), converter=floats)
    high: tuple[float, ...] = attrs.field(default=(), converter=floats)
    marked: float | None = None


def draw_lines(
    lines: Sequence[Line], *, x: str, y: str, levels: Mapping[str, float] | None = None, log: bool = False
) -> Figure:
    """Draws lines into one panel.

    Args:
        lines: At least one.
        x: The label of the places.
        y: The label of the heights.
        levels: Horizontal lines by their names: the highest has its name above it, the others below.
        log: Whether places are on a logarithmic scale.
    """
    with mpl.rc_context(STYLE):
        rows = math.ceil(len(lines) / 2)
        figure = Figure(figsize=(7.0, 3.9 + 0.2 * rows), layout="constrained")
        axes = figure.add_subplot()
        for number, line in enumerate(lines):
            _draw(axes, line, number)
        highest_first = sorted((levels or {}).items(), key=lambda level: -level[1])
        for number, (name, height) in enumerate(highest_first):
            _level(axes, name, height, above=number == 0)
        axes.set(xlabel=x, ylabel=y, xscale="log" if log else "linear")
        if log:
            places = sorted({place for line in lines for place in line.x})
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.set_xticks([], minor=True)
        axes.grid(color=INK, alpha=0.12, linewidth=0.6)
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw(axes: Axes, line: Line, number: int) -> None:
    color = SERIES[number % len(SERIES)]
    dash = DASHES[number // len(SERIES) % len(DASHES)]
    marker = MARKERS[number % len(MARKERS)]
    every = max(1, len(line.x) // 12)
    axes.plot(
        line.x, line.y, dash, color=color, marker=marker, markersize=5, markevery=every, label=line.label
    )
    if line.low:
        axes.fill_between(line.x, line.low, line.high, color=color, alpha=0.16, linewidth=0)
    if line.marked in line.x:
        place = line.x.index(line.marked)
        axes.plot(
            line.x[place], line.y[place], "o", markersize=12, markerfacecolor="none", markeredgecolor=color
        )


def _level(axes: Axes, name: str, height: float, *, above: bool) -> None:
    axes.axhline(height, color=INK, alpha=0.55, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate(
        name, (1.01, height), xycoords=("axes fraction", "data"), xytext=(0, 2 if above else -2),
        textcoords="offset points", va="bottom" if above else "top", fontsize=8, alpha=0.8,
    )  # fmt: skip
