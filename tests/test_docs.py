"""The documentation says what is so; ``make docs`` builds it, and its warnings are errors."""

import re
import shlex
from pathlib import Path

import pytest

import fpt_plugins as fpt
from fpt_plugins import cli, train_command
from fpt_plugins.registry import cards
from fpt_plugins.registry_cards import BackboneCard, TaskCard

TREE = Path(__file__).parent.parent
PAGES = sorted((TREE / "docs").rglob("*.md"))
REFERENCE = sorted((TREE / "docs" / "reference").glob("*.md"))
MADE_IN_THE_TEXT = {"birdsong", "cells", "convolution:random"}
"""Plugins that ``fpt new`` writes on a page, and the backbone of an example."""


def place(path):
    """A page's place in docs."""
    return str(path.relative_to(TREE / "docs"))


def blocks(page, language):
    """A page's code blocks of one language."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(), flags=re.DOTALL | re.MULTILINE)


COMMANDS = [
    pytest.param(line.partition("#")[0].removeprefix("$ ").strip(), id=f"{place(page)}: {line[:50]}")
    for page in PAGES
    for block in blocks(page, "console")
    for line in block.splitlines()
    if line.startswith("$ fpt ")
]


def test_there_are_pages_with_commands():
    """The patterns of this file find something."""
    assert len(PAGES) > 8
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists(line):
    """A command on a page has its flags, its task and its backbone."""
    command, bound, _ = cli.app.parse_args(shlex.split(line)[1:])
    if command is not train_command.train:
        return
    tasks, backbones = ({card.name for card in cards(kind)} for kind in (TaskCard, BackboneCard))
    assert {bound.arguments["task"], bound.arguments["task"].partition("/")[0]} & {*tasks, *MADE_IN_THE_TEXT}
    backbone = bound.arguments.get("backbone")
    family = backbone is not None and backbone.startswith(("hf:", "timm:"))
    assert family or backbone in {None, *backbones, *MADE_IN_THE_TEXT}


@pytest.mark.parametrize("name", cli.IMPORTED_WHEN_ASKED)
def test_a_command_that_is_imported_when_asked_for_is_described_as_it_describes_itself(name):
    """What ``fpt --help`` says of it is the first line of its own help."""
    assert cli.IMPORTED_WHEN_ASKED[name][1] == cli.app[name].help.partition("\n")[0]


OF_SIGNATURES = TREE / "docs" / "reference" / "hooks.md"
"""Shows the hooks' signatures, which tests of the hooks compare."""


@pytest.mark.parametrize("page", [page for page in PAGES if page != OF_SIGNATURES], ids=place)
def test_code_is_included_from_tested_files(page):
    """A block of Python or TOML is a file of examples, which the tests run; an import may stand alone."""
    for block in (*blocks(page, "python"), *blocks(page, "toml")):
        included = re.fullmatch(r'--8<-- "(examples/[^":]+)(:[\d:]+)?"\n', block)
        assert included or block == "import fpt_plugins as fpt\n"
        assert not included or (TREE / included[1]).is_file()


def test_the_excerpt_is_the_prediction():
    """Lines 12 to 14 of examples/xor.py, which one page shows, load an adapter and ask it."""
    lines = (TREE / "examples" / "xor.py").read_text().splitlines()[11:14]
    assert lines[0].startswith("arm = fpt.load(")
    assert "arm.predict(" in lines[2]


def test_every_public_name_is_in_the_reference():
    """And the reference names nothing else of the package."""
    text = "\n".join(path.read_text() for path in REFERENCE)
    shown = re.findall(r"^::: fpt_plugins\.(\w+)$", text, flags=re.MULTILINE)
    assert set(shown) == set(fpt.__all__) - {"__version__"}


def test_the_picture_is_drawn_in_the_colors_of_the_page():
    """Its text and lines take the page's own color, so that it is legible on light and on dark."""
    picture = (TREE / "docs" / "concepts.svg").read_text()
    assert ".concepts text { fill: currentColor;" in picture
    assert "\n\n" not in picture  # a blank line would end the block of HTML
    assert not re.search(r"(?:src|href)=", picture)
