"""The report as one page of HTML that needs no other file, and as Markdown."""

from __future__ import annotations

import importlib.resources

import attrs
import jinja2

from fpt_plugins import __version__
from fpt_plugins.report.analysis import Analysis
from fpt_plugins.report.answer import READING, Answer, answers_of
from fpt_plugins.report.caveats import Caveat, caveats_of
from fpt_plugins.report.figure import ReportFigure
from fpt_plugins.report.section import Section
from fpt_plugins.report.table import Table

TEMPLATES = importlib.resources.files("fpt_plugins.report") / "templates"


@attrs.frozen(kw_only=True, eq=False)
class Page:
    """All that the report says.

    Args:
        title: The study's name and scale.
        question: The study's.
        standing: How many runs are done.
        caveats: What limits it.
        reading: How their numbers are read.
        answers: Sentences to the study's questions.
        sections: What they stand on.
        command: How the report is made again.
    """

    title: str
    question: str
    standing: str
    caveats: tuple[Caveat, ...]
    reading: str
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    command: str

    @property
    def figures(self) -> tuple[ReportFigure, ...]:
        """Of all sections."""
        return tuple(figure for section in self.sections for figure in section.figures)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Of all sections, and those behind figures."""
        tables = [table for section in self.sections for table in section.tables]
        return (*tables, *(figure.data for figure in self.figures if figure.data))

    def html(self) -> str:
        """One file: no network, no script."""
        return _rendered("report.html.j2", self, escape=True)

    def markdown(self) -> str:
        """With its figures and tables as files beside it."""
        return _rendered("report.md.j2", self, escape=False)


def page_of(analysis: Analysis, sections: tuple[Section, ...]) -> Page:
    """The page of a study's statistics.

    Args:
        analysis: The statistics.
        sections: What is shown of them.
    """
    results = analysis.results
    return Page(
        title=f"{results.study.name}, {results.study.scale} scale",
        question=results.study.question,
        standing=results.standing(),
        caveats=caveats_of(results),
        reading=READING,
        answers=answers_of(analysis),
        sections=sections,
        command=f"fpt study report {results.folder.name}",
    )


def _rendered(template: str, page: Page, *, escape: bool) -> str:
    loader = jinja2.FunctionLoader(lambda name: (TEMPLATES / name).read_text("utf-8"))
    environment = jinja2.Environment(
        loader=loader,
        autoescape=escape,  # noqa: S701 - on for HTML; Markdown is text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(page=page, version=__version__)
