"""Rewrites the generated tables of README.md and of the pages in docs.

A table stands between two markers, and the module of this folder that has its name makes it
(``backbones-proof`` is ``backbones_proof.py``): ``table() -> str`` returns its Markdown.

    <!-- table: tasks -->
    <!-- /table -->

Usage: python docs/tables [--check]
"""

import importlib
import re
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
MARKED = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- /table -->)", flags=re.DOTALL)


def current(text: str) -> str:
    """The text with each table made anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_table(found['name'])}\n{found[3]}", text)


def _table(name: str) -> str:
    table: str = importlib.import_module(name.replace("-", "_")).table()
    return table.strip() + "\n"


def main(*, check: bool) -> int:
    """Rewrites what is out of date, or says what is; the exit code."""
    pages = [TREE / "README.md", *sorted((TREE / "docs").rglob("*.md"))]
    stale = [page for page in pages if current(page.read_text()) != page.read_text()]
    for page in stale:
        print(f"{page.relative_to(TREE)} {'is out of date: make tables' if check else 'rewritten'}")
        if not check:
            page.write_text(current(page.read_text()))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
