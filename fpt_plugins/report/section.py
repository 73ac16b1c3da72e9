"""The report as a reader goes through it: sections of text, figures and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.attention import NOTE as ATTENTION_NOTE
from fpt_plugins.report.attention import attention_figures
from fpt_plugins.report.axis_figures import NOTE as AXIS_NOTE
from fpt_plugins.report.axis_figures import axis_curves
from fpt_plugins.report.cost import FORMULA
from fpt_plugins.report.curves import NOTE as CURVE_NOTE
from fpt_plugins.report.curves import learning_curves
from fpt_plugins.report.detail_tables import comparison_table, convergence_table, cost_table, signal_table
from fpt_plugins.report.figure import ReportFigure
from fpt_plugins.report.naming import file_name
from fpt_plugins.report.published_table import published_table
from fpt_plugins.report.rate_figures import NOTE as RATE_NOTE
from fpt_plugins.report.rate_figures import rate_curves, rate_table, shared_table
from fpt_plugins.report.run_tables import command_table, digest_table, recipe_table, run_table, version_table
from fpt_plugins.report.score_tables import NOTE as SCORE_NOTE
from fpt_plugins.report.score_tables import overview, score_tables
from fpt_plugins.report.table import Table
from fpt_plugins.report.tuples import texts


def _figures(figures: Iterable[ReportFigure]) -> tuple[ReportFigure, ...]:
    return tuple(figures)


def _with_rows(tables: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)


@attrs.frozen(kw_only=True, eq=False)
class Section:
    """One part of the report.

    Args:
        title: Its heading.
        text: Paragraphs before what it shows.
        figures: Each is shown with its numbers folded away.
        tables: Those without a row are left out.
        folded: Whether tables are folded away, being long.
    """

    title: str
    text: tuple[str, ...] = attrs.field(default=(), converter=texts)
    figures: tuple[ReportFigure, ...] = attrs.field(default=(), converter=_figures)
    tables: tuple[Table, ...] = attrs.field(default=(), converter=_with_rows)
    folded: bool = False

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return file_name(self.title)


def sections_of(analysis: Analysis, *, attention: bool = True) -> tuple[Section, ...]:
    """All sections that have something to show.

    Args:
        analysis: The study's.
        attention: Whether bodies are loaded to draw where they look.
    """
    found = (*_measured(analysis), *([_attention(analysis)] if attention else []), *_recorded(analysis))
    return tuple(section for section in found if section.figures or section.tables)


def _measured(analysis: Analysis) -> Iterator[Section]:
    yield Section(
        title="Results",
        text=[SCORE_NOTE],
        tables=[overview(analysis), *score_tables(analysis), published_table(analysis)],
    )
    yield Section(title="Comparisons", tables=[comparison_table(analysis)])
    yield Section(title="Along an axis", text=[AXIS_NOTE], figures=axis_curves(analysis))
    yield Section(
        title="Learning curves",
        text=[CURVE_NOTE],
        figures=learning_curves(analysis),
        tables=[convergence_table(analysis)],
    )
    yield Section(
        title="Learning rates",
        text=[RATE_NOTE],
        figures=rate_curves(analysis),
        tables=[rate_table(analysis), shared_table(analysis)],
    )
    yield Section(title="Training", tables=[signal_table(analysis)])


def _attention(analysis: Analysis) -> Section:
    figures, reasons = attention_figures(analysis)
    return Section(title="Attention", text=[ATTENTION_NOTE, *reasons], figures=figures)


def _recorded(analysis: Analysis) -> Iterable[Section]:
    return (
        Section(title="Cost", text=[FORMULA], tables=[cost_table(analysis)]),
        Section(
            title="Recipes and digests",
            tables=[table(analysis) for table in (recipe_table, digest_table, version_table)],
            folded=True,
        ),
        Section(title="Every run", tables=[run_table(analysis), command_table(analysis)], folded=True),
    )
