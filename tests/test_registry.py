"""Every field of every card is held to its source; cards that break their form are refused by name."""

import re
import tomllib
from pathlib import Path

import attrs
import pytest

from fpt_plugins import Classes, ConfigurationError, FptError, UnknownName, options, registry
from fpt_plugins.discovery import find_plugin
from fpt_plugins.loading import load, new_manager
from fpt_plugins.plugins import find_backbone
from fpt_plugins.registry import BackboneCard, PluginCard, TaskCard, cards, plugin_for_task

TREE = Path(__file__).parents[1]

PLUGINS = cards(PluginCard)
TASKS = cards(TaskCard)
BACKBONES = cards(BackboneCard)

TABLE_2 = {
    "GPT-2, 12 layers, frozen, pretrained on language": (100, 100, 38.4, 98.0, 68.2, 38.6, 12.7),
    "GPT-2, 12 layers, frozen, random": (75.8, 100, 34.3, 91.7, 61.7, 36.1, 9.3),
}
"""Two rows of Table 2 of arXiv 2103.05247, per cent, entered a second time and in the paper's own order."""

COLUMNS = (
    "bits/memory",
    "bits/xor",
    "listops/lra",
    "images/mnist",
    "images/cifar10",
    "images/cifar10-lra",
    "proteins/remote-homology",
)


def task_classes(plugin):
    """The tasks of a plugin; the test is skipped where it is not installed."""
    try:
        return load(find_plugin(plugin), new_manager()).tasks
    except UnknownName:
        pytest.skip(f"the plugin {plugin} is not installed")


def named(card):
    """The card's name, as the identifier of a test."""
    return card.name


@pytest.mark.parametrize("card", PLUGINS, ids=named)
def test_a_plugins_card_says_what_its_package_says(card):
    """Name, distribution, summary and license are those of the package that the card's command installs."""
    place = re.fullmatch(r"pip install \./(plugins/[a-z]+)", card.install)[1]
    project = tomllib.loads((TREE / place / "pyproject.toml").read_text())["project"]
    assert card.distribution == project["name"]
    assert card.summary == project["description"]
    assert card.license == project["license"]
    assert list(project["entry-points"]["fpt_plugins"]) == [card.name]


@pytest.mark.parametrize("card", PLUGINS, ids=named)
def test_a_plugins_card_names_its_tasks(card):
    """Exactly those that the plugin provides."""
    assert set(card.tasks) == set(task_classes(card.name))


def test_every_package_of_the_tree_has_a_card():
    """A folder under ``plugins`` and a card stand for each other."""
    folders = {path.parent.name for path in (TREE / "plugins").glob("*/pyproject.toml")}
    assert {card.name for card in PLUGINS} == folders


@pytest.mark.parametrize("card", BACKBONES, ids=named)
def test_a_backbones_card_says_what_its_spec_says(card):
    """Every field is a field of the spec, with the same value."""
    spec = find_backbone(card.name)
    assert attrs.asdict(card) == {field: getattr(spec, field) for field in attrs.fields_dict(BackboneCard)}


def test_every_pretrained_backbone_has_a_card():
    """A built-in with a pinned source and a card stand for each other."""
    built_in = load(find_plugin("fpt_plugins"), new_manager()).backbones
    pinned = {name for name, spec in built_in.items() if getattr(spec, "revision", None)}
    assert {card.name for card in BACKBONES} == pinned


@pytest.mark.parametrize("card", TASKS, ids=named)
def test_a_tasks_card_fits_its_task(card, tmp_path):
    """The metric is one of the task's, the paper's options are options of it, the floors are its own."""
    task_class = task_classes(card.name.partition("/")[0])[card.name]
    task = task_class(data_root=tmp_path)
    assert card.metric in {metric.name for metric in task.metrics}
    assert isinstance(options.build(task_class, card.paper_options, owner=card.name), task_class)
    if isinstance(task.target, Classes):
        expected = {"chance": 1 / task.target.size}
    else:
        expected = {floor.name: floor.value for floor in task.floors("test") if floor.metric == card.metric}
    assert {floor.name: floor.value for floor in card.floors} == pytest.approx(
        {floor.name: expected[floor.name] for floor in card.floors}, rel=1e-3
    )


@pytest.mark.parametrize("card", TASKS, ids=named)
def test_a_tasks_data_come_from_where_its_card_says(card, tmp_path):
    """An address is one that the plugin's code names; generated data need no file."""
    plugin, _, _ = card.name.partition("/")
    if card.data != "generated":
        assert any(card.data in path.read_text() for path in (TREE / "plugins" / plugin).rglob("*.py"))
        return
    task_class = task_classes(plugin)[card.name]
    sizes = {name: 4 for name in options.option_fields(task_class) if name.endswith("_size")}
    assert len(task_class(data_root=tmp_path, **sizes).split("validation")) > 0


def test_published_scores_are_those_of_the_table():
    """Each card's two scores equal a second transcription of the paper's Table 2."""
    published = {card.name: {score.model: score for score in card.published} for card in TASKS}
    assert set(published) == set(COLUMNS)
    for model, row in TABLE_2.items():
        for name, value in zip(COLUMNS, row, strict=True):
            assert published[name][model].value == pytest.approx(value / 100)
            assert published[name][model].table == "arXiv 2103.05247, Table 2"


@pytest.mark.parametrize("card", [*PLUGINS, *TASKS, *BACKBONES], ids=named)
def test_a_cards_file_is_named_after_it(card):
    """A card is found by the name of its file."""
    folder = {PluginCard: "plugins", TaskCard: "tasks", BackboneCard: "backbones"}[type(card)]
    assert (TREE / "registry" / folder / f"{card.name.replace('/', '-')}.toml").is_file()


def test_a_task_leads_to_its_plugins_card():
    """Also for a plugin that is not installed; an unknown task leads nowhere."""
    assert plugin_for_task("proteins/remote-homology").distribution == "fpt-proteins"
    assert plugin_for_task("proteins/unheard-of") is None


@pytest.fixture
def write_card(tmp_path, monkeypatch):
    """Makes a registry of one plugin's card, from its text."""

    def write(text):
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "echo.toml").write_text(text)
        monkeypatch.setattr(registry, "_root", lambda: tmp_path)

    return write


WHOLE = """
name = "echo"
distribution = "fpt-echo"
summary = "repeats"
license = "MIT"
install = "pip install ./plugins/echo"
tasks = ["echo/echo"]
"""


def test_an_unknown_field_is_refused_with_the_nearest(write_card):
    """A misspelt field names the card and the field that was meant."""
    write_card(WHOLE.replace("license", "licence"))
    with pytest.raises(UnknownName, match=r"echo\.toml 'licence'\n  did you mean license"):
        cards(PluginCard)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('license = "MIT"', ""), "required field missing @ \\$.license"),
        (('tasks = ["echo/echo"]', "tasks = 3"), "tasks"),
        (("name", "name ="), "echo.toml"),
    ],
)
def test_a_card_that_breaks_its_form_is_refused(write_card, change, reason):
    """A field that is missing or of another type, or no TOML, names the card."""
    write_card(WHOLE.replace(*change, 1))
    with pytest.raises(ConfigurationError, match=reason) as error:
        cards(PluginCard)
    assert "echo.toml" in str(error.value)


def test_a_wheel_reads_its_own_registry(tmp_path, monkeypatch):
    """Cards in ``fpt_plugins/_registry`` come before a folder beside the package; with neither, an error."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path / "fpt_plugins")
    with pytest.raises(FptError, match="lacks its registry"):
        cards(PluginCard)
    for place, name in (("registry", "beside"), ("fpt_plugins/_registry", "inside")):
        (tmp_path / place / "plugins").mkdir(parents=True)
        (tmp_path / place / "plugins" / "echo.toml").write_text(WHOLE.replace('"echo"', f'"{name}"'))
        assert [card.name for card in cards(PluginCard)] == [name]
