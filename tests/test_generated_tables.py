"""Tables between markers are what the registry says."""

import runpy
from pathlib import Path

from tests import warm_processes

TREE = Path(__file__).parent.parent


def test_the_generated_tables_are_current():
    """README and the pages hold what their tables' scripts make; ``make tables`` rewrites them."""
    shown = warm_processes.run(TREE / "docs" / "tables", "--check")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_a_stale_table_is_made_anew(monkeypatch):
    """Between its markers alone, and once made it stays."""
    monkeypatch.syspath_prepend(TREE / "docs" / "tables")
    current = runpy.run_path(str(TREE / "docs" / "tables" / "__main__.py"))["current"]
    stale = "before\n<!-- table: tasks -->\nSTALE\n<!-- /table -->\nafter <!-- table: tasks -->\n"
    made = current(stale)
    assert made.startswith("before\n<!-- table: tasks -->\n\n| task | asks |")
    assert made.endswith("|\n\n<!-- /table -->\nafter <!-- table: tasks -->\n")
    assert "STALE" not in made
    assert current(made) == made
