"""What the three listing commands print: tables of 80 columns, and JSON that programs can read."""

import json

import pytest
from rich.console import Console

from fpt_plugins import tables
from fpt_plugins.listing import BackboneListing, PluginListing, TaskListing, list_plugins
from fpt_plugins.options import Option

STRINGS = Option("strings", "int", 5, "strings to remember")
ROWS = [
    PluginListing(
        plugin="bits",
        distribution="fpt-bits",
        version="0.1.0",
        contract=">=0.1,<0.2",
        hooks=["fpt_tasks", "fpt_tokenize"],
        tasks=[
            TaskListing(name="bits/memory", summary="masked bits", options=[STRINGS], recipe={"steps": 9})
        ],
    ),
    PluginListing(
        plugin="body",
        distribution="fpt-body",
        version="2.0",
        contract="",
        hooks=["fpt_backbones"],
        backbones=[
            BackboneListing(
                name="body:tiny", summary="small", layers=2, embed_dim=16, causal=False, inits=["random"]
            ),
            BackboneListing(name="body:far", summary="elsewhere", missing="pip install ./body"),
        ],
    ),
    PluginListing(
        plugin="broken",
        distribution="fpt-broken",
        version="0.7",
        contract=None,
        error="cannot be used: ModuleNotFoundError: No module named 'no_such_module_of_any_kind'",
        remedy="upgrade fpt-broken",
    ),
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """What a command prints for ``ROWS``."""
    monkeypatch.setattr(tables, "list_plugins", lambda: ROWS)
    monkeypatch.setenv("COLUMNS", "80")

    def run(command, **arguments):
        command(**arguments)
        return capsys.readouterr().out

    return run


COMMANDS = (tables.print_plugins, tables.print_tasks, tables.print_backbones)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_fits_80_columns_and_shows_what_is_broken(printed, command):
    """No line is longer, no word of the reason is lost, and distribution and version are there."""
    text = printed(command)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("fpt-broken", "0.7", "ModuleNotFoundError:", "'no_such_module_of_any_kind'", "upgrade"):
        assert word in text


def test_plugins_show_what_they_require_and_provide(printed):
    """A row each: counts of tasks and backbones, and the bounds of the contract."""
    lines = printed(tables.print_plugins).splitlines()
    assert [line.split() for line in lines if line.startswith((" bits", " body"))] == [
        ["bits", "fpt-bits", "0.1.0", ">=0.1,<0.2", "1", "task"],
        ["body", "fpt-body", "2.0", "any", "2", "backbones"],
    ]


def test_tasks_show_their_options(printed):
    """The summary, and each option with its default."""
    text = printed(tables.print_tasks)
    assert "masked bits" in text
    assert "strings=5" in text


def test_backbones_show_sizes_and_what_is_missing(printed):
    """Layers and width as numbers, and the command that installs a body that is not here."""
    lines = [line.split() for line in printed(tables.print_backbones).splitlines()]
    assert ["body:tiny", "2", "16", "-", "small"] in lines
    assert "not installed: pip install ./body" in printed(tables.print_backbones)


def test_json_holds_every_fact(printed):
    """Plugins as whole rows; tasks and backbones each with where they come from."""
    plugins = json.loads(printed(tables.print_plugins, as_json=True))
    (task,) = json.loads(printed(tables.print_tasks, as_json=True))
    backbones = json.loads(printed(tables.print_backbones, as_json=True))
    assert [row["error"] is None for row in plugins] == [True, True, False]
    assert plugins[0]["tasks"][0]["name"] == "bits/memory"
    assert (task["name"], task["distribution"], task["version"]) == ("bits/memory", "fpt-bits", "0.1.0")
    assert task["options"][0] == {
        "name": "strings",
        "type": "int",
        "default": 5,
        "help": "strings to remember",
    }
    assert [backbone["plugin"] for backbone in backbones] == ["body", "body"]


def test_markup_in_a_plugins_words_is_text(monkeypatch, printed):
    """A summary with brackets is printed as it stands, and no style is read from it."""
    odd = TaskListing(name="bits/odd", summary="[red]MAX 2 9[/red]", options=[], recipe={})
    rows = [PluginListing(plugin="bits", distribution="[b]x[/b]", version="1", contract="", tasks=[odd])]
    monkeypatch.setattr(tables, "list_plugins", lambda: rows)
    text = printed(tables.print_tasks)
    assert "[red]MAX 2 9[/red]" in text
    assert "[b]x[/b]" in text


def test_what_is_installed_here_fits_80_columns():
    """The tables of the real listing are no wider than a terminal."""
    rows = list_plugins()
    console = Console(width=80)
    for table in (tables.plugin_table(rows), tables.task_table(rows), tables.backbone_table(rows)):
        with console.capture() as capture:
            console.print(table)
        assert max(map(len, capture.get().splitlines())) <= 80
