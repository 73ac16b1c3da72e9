"""Writes a study's report: ``report.html``, ``report.md``, and every figure and table as a file."""

from __future__ import annotations

import shutil
from pathlib import Path

from fpt_plugins.report.analysis import analyze
from fpt_plugins.report.page import Page, page_of
from fpt_plugins.report.section import sections_of
from fpt_plugins.storage import write_file
from fpt_plugins.study.results import read_results

REPORT, FIGURES, TABLES = "report", "figures", "tables"


def write_report(folder: str | Path, *, attention: bool = True) -> tuple[Path, Page]:
    """Writes the report of a study, finished or not, into its folder.

    Args:
        folder: The study's.
        attention: Whether bodies are loaded to draw where they look.

    Returns:
        The page of HTML, and what it says.

    Raises:
        ConfigurationError: No study was begun there.
        IntegrityError: A file is damaged; it is named.

    Example:
        >>> write_report("studies/language-or-random-laptop")[0]  # doctest: +SKIP
        PosixPath('studies/language-or-random-laptop/report/report.html')
    """
    analysis = analyze(read_results(folder))
    page = page_of(analysis, sections_of(analysis, attention=attention))
    place = Path(folder) / REPORT
    for inner in (FIGURES, TABLES):
        shutil.rmtree(place / inner, ignore_errors=True)  # of a report before, which may have had others
        (place / inner).mkdir(parents=True)
    for figure in page.figures:
        write_file(place / FIGURES / f"{figure.name}.png", figure.png())
    for table in page.tables:
        write_file(place / TABLES / f"{table.name}.csv", table.csv().encode())
    write_file(place / "report.md", page.markdown().encode())
    write_file(place / "report.html", page.html().encode())
    return place / "report.html", page
