"""Every field of every card is held to its source; cards that break their form are refused by name."""

import gzip
import hashlib
import importlib.resources
import re
import tomllib
from pathlib import Path

import attrs
import pytest

from fpt_plugins import (
    BackboneSpec,
    ConfigurationError,
    FptError,
    UnknownName,
    options,
    registry,
)
from fpt_plugins.discovery import find_plugin
from fpt_plugins.loading import load, new_manager
from fpt_plugins.registry import cards, plugin_for_task
from fpt_plugins.registry_cards import KINDS, BackboneCard, PluginCard, RunCard, TaskCard
from fpt_plugins.registry_checks import check_registry
from fpt_plugins.registry_facts import compare_installed

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


def task_classes(plugin, card=None):
    """The tasks of a plugin; the test is skipped where it is not installed."""
    if isinstance(card, BackboneCard):
        return {}
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


def test_every_package_of_the_tree_has_a_card():
    """A folder under ``plugins`` and a card stand for each other."""
    folders = {path.parent.name for path in (TREE / "plugins").glob("*/pyproject.toml")}
    assert {card.name for card in PLUGINS} == folders


@pytest.mark.parametrize("checked", check_registry()[0], ids=lambda checked: checked.card.name)
def test_a_card_says_what_is_installed(checked):
    """Every fact that a package or its code has, and that a card repeats, is the same in both."""
    card = checked.card
    task_classes((card.task if isinstance(card, RunCard) else card.name).partition("/")[0], card)
    assert compare_installed([checked]) == []


@pytest.mark.parametrize("card", [card for card in BACKBONES if card.name.startswith("gpt2")], ids=named)
def test_the_counts_of_gpt2_are_the_closed_form(card):
    """With width d and L layers: 2d(2L+1) in norms, 1024d positions, L(4d²+4d) attention, L(8d²+5d) MLP."""
    width, layers = card.embed_dim, card.layers
    assert card.parameters == {
        "layer_norm": 2 * width * (2 * layers + 1),
        "position": 1024 * width,
        "attention": layers * (4 * width**2 + 4 * width),
        "mlp": layers * (8 * width**2 + 5 * width),
    }


def test_every_backbone_has_a_card():
    """A built-in backbone and a card stand for each other; families are no backbones."""
    built_in = load(find_plugin("fpt_plugins"), new_manager()).backbones.values()
    assert {card.name for card in BACKBONES} == {s.name for s in built_in if isinstance(s, BackboneSpec)}


def test_every_task_has_a_card():
    """A task that a card of a plugin names and a card of a task stand for each other."""
    assert {card.name for card in TASKS} == {task for card in PLUGINS for task in card.tasks}


NEEDED = {
    "images/folder": {"classes": "a/b"},
    "proteins/fasta": {"classes": "a/b"},
}
"""Options without which a task of the user's own files declares nothing."""


@pytest.mark.parametrize("card", TASKS, ids=named)
def test_a_task_whose_classes_are_known_has_a_floor(card):
    """Only a task of the user's own files has no chance in closed form."""
    assert bool(card.floors) == (card.data != "yours")


@pytest.mark.parametrize("card", TASKS, ids=named)
def test_a_tasks_data_come_from_where_its_card_says(card, tmp_path):
    """An address is one that the plugin's code names; the others need no file, or a file of the user's."""
    plugin, _, _ = card.name.partition("/")
    if card.data.startswith("https://"):
        assert any(card.data in path.read_text() for path in (TREE / "plugins" / plugin).rglob("*.py"))
        return
    task_class = task_classes(plugin)[card.name]
    if card.data == "yours":
        with pytest.raises(ConfigurationError, match="your"):
            task_class(data_root=tmp_path, **NEEDED[card.name]).split("validation")
        return
    sizes = {name: 4 for name in options.option_fields(task_class) if name.endswith("_size")}
    assert len(task_class(data_root=tmp_path, **sizes).split("validation")) > 0


def digest_of(file):
    """What the code of the plugin, or of the library that bundles the file, has for it."""
    if file == "digits.csv":
        bundled = importlib.resources.files("sklearn.datasets.data") / "digits.csv.gz"
        return hashlib.sha256(gzip.decompress(bundled.read_bytes())).hexdigest()
    if file.endswith((".csv", ".ts")):
        archive, series = (pytest.importorskip(f"fpt_timeseries.{name}") for name in ("archive", "series"))
        (path,) = (path for path in (*archive.both_files(None), series.carbon_dioxide()) if path.name == file)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    published = pytest.importorskip("fpt_images.published")
    known = {f"{name}.gz": digest for name, digest in published.MNIST_SHA256.items()}
    return {**known, published.CIFAR10_BINARY.archive: published.CIFAR10_BINARY_SHA256}[file]


@pytest.mark.parametrize("card", [card for card in TASKS if card.data_sha256], ids=named)
def test_a_tasks_data_have_the_digests_of_its_card(card):
    """Those that the plugin checks a download against; of bundled data, that of the file."""
    assert dict(card.data_sha256) == {file: digest_of(file) for file in card.data_sha256}


def test_published_scores_are_those_of_the_table():
    """Each card's two scores equal a second transcription of the paper's Table 2."""
    published = {card.name: {s.model: s for s in card.published} for card in TASKS if card.published}
    assert set(published) == set(COLUMNS)
    for model, row in TABLE_2.items():
        for name, value in zip(COLUMNS, row, strict=True):
            assert published[name][model].value == pytest.approx(value / 100)
            assert published[name][model].table == "arXiv 2103.05247, Table 2"


def test_the_registry_passes_its_own_check():
    """Every card has the form of its kind, its file is named after it, and the cards agree."""
    checked, findings = check_registry()
    assert findings == []
    assert len(checked) == len([*(TREE / "registry").glob("*/*.toml")])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_the_rule_names_every_field(kind):
    """registry/README.md says of each field of each kind of card what it is held to."""
    rule = (TREE / "registry" / "README.md").read_text()
    section = rule.partition(f"### A {kind.kind}")[2].partition("\n##")[0]
    assert set(re.findall(r"`([a-z0-9_]+)`", re.sub(r"\|[^|]*\|$", "", section, flags=re.MULTILINE))) == set(
        attrs.fields_dict(kind)
    )


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
        monkeypatch.setattr(registry, "root", lambda: tmp_path)

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
        (('license = "MIT"', ""), "license: is missing"),
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
