"""A figure of the report: drawn once, written as PNG for files and as SVG inside the page."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import matplotlib as mpl
from matplotlib.figure import Figure

from fpt_plugins.report.table import Table

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f")
"""Colors that the color-blind can tell apart: Okabe and Ito, Color Universal Design, 2008, and a gray.

Each has its own marker too. The page gives them other shades where it is dark."""

INK, PAPER = "#010203", "#fefdfc"
"""Stand for the page's own text and ground: no other thing has these colors."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, and takes the page's font
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
}


@attrs.frozen(kw_only=True, eq=False)
class ReportFigure:
    """A drawing, in words, and the numbers behind it.

    Args:
        name: Of its files.
        title: Above it.
        alt: What it shows, for those who cannot see it.
        drawing: Drawn in :data:`STYLE`.
        data: What is drawn; ``None`` for pictures.
    """

    name: str
    title: str
    alt: str
    drawing: Figure
    data: Table | None = None

    def png(self) -> bytes:
        """On white, for a document."""
        picture = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.drawing.savefig(picture, format="png", dpi=150, facecolor="white")
        return picture.getvalue()

    def svg(self) -> str:
        """For a page of HTML: without a ground, its text and lines in the page's own colors."""
        drawn = io.BytesIO()
        with mpl.rc_context({**STYLE, "svg.hashsalt": self.name}):
            self.drawing.savefig(drawn, format="svg", transparent=True)
        root = ET.fromstring(drawn.getvalue())  # noqa: S314 - our own drawing of a moment ago
        root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": self.alt}
        for parent in list(root.iter()):
            for child in list(parent):
                if child.tag.endswith("}metadata"):
                    parent.remove(child)
        for element in root.iter():
            _simplify(element, self.name)
        return themed(ET.tostring(root, encoding="unicode", method="html"))


def _simplify(element: ET.Element, prefix: str) -> None:
    """Without namespaces, which HTML has not, and with names that no other figure of the page has."""
    element.tag = element.tag.rpartition("}")[2]
    found = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if "id" in found:
        found["id"] = f"{prefix}-{found['id']}"
    element.attrib.clear()
    element.attrib.update(
        {name: _referring(value, prefix) if _refers(name, value) else value for name, value in found.items()}
    )


def _referring(value: str, prefix: str) -> str:
    return re.sub(r"(^|\()#", rf"\1#{prefix}-", value)


def _refers(name: str, value: str) -> bool:
    return name == "href" or "url(#" in value


def themed(svg: str) -> str:
    """Fixed colors as the page's own."""
    for number, color in enumerate(SERIES, 1):
        svg = svg.replace(color, f"var(--series-{number})")
    return svg.replace(INK, "currentColor").replace(PAPER, "var(--ground)")
