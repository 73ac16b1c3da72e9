"""A run's card says what its record says, and its command is the run."""

import json
import shlex
import shutil
import subprocess
import sys

import attrs
import pytest

import fpt_plugins as fpt
from fpt_plugins import cli, train_command
from fpt_plugins.adapter_files import read_description
from fpt_plugins.card import card
from fpt_plugins.configuration import Configuration
from fpt_plugins.options import from_assignments
from fpt_plugins.record import GroupCount, group_counts, read_record
from fpt_plugins.registry import cards, parse_card
from fpt_plugins.registry_cards import RunCard
from fpt_plugins.registry_checks import check_registry
from fpt_plugins.registry_commands import record
from fpt_plugins.run_card import _RECIPE, command, record_run, run_card
from fpt_plugins.settings_file import assignments_as_floats
from tests import warm_processes
from tests.warm_processes import FPT

CARDS = cards(RunCard)


def settings(line):
    """The settings that a training command parses to."""
    words = shlex.split(line)
    assert words[:2] == ["fpt", "train"]
    called, bound, _ = cli.app.parse_args(words[1:])
    assert called is train_command.train
    found = dict(bound.arguments)
    for flag in ("option", "backbone_option", "policy_option"):
        found[f"{flag}s"] = from_assignments(found.pop(flag, None) or (), flag)
    found["group_lr"] = assignments_as_floats(found.pop("group_lr", None) or [], "group_lr")
    found["wrappers"] = found.pop("with_", None) or ()
    del found["out"]
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run with a scored test split."""
    place = tmp_path_factory.mktemp("runs") / "short"
    options = {"layers": 1, "max_length": None}
    fpt.train(
        "bits/xor",
        out=place,
        backbone="gpt2-mini",
        backbone_options=options,
        steps=2,
        batch_size=4,
        group_lr={"head": 0.01},
        options={"length": 3},
    )
    fpt.evaluate(place)
    return place


@pytest.fixture
def changed(run, tmp_path):
    """Makes a copy of the run with another record."""

    def make(**changes):
        shutil.copytree(run, tmp_path / "copy")
        attrs.evolve(read_record(run), **changes).write(tmp_path / "copy")
        return tmp_path / "copy"

    return make


def test_a_card_says_what_the_record_says(run):
    """Scores, floors, digests, counts and versions are the record's; the adapter's digest is its own."""
    card, record = run_card(run, "short"), read_record(run)
    test = record.evaluations["test"]
    assert (card.scores, card.floors, card.samples, card.reads) == (
        test.metrics,
        test.floors,
        test.samples,
        1,
    )
    assert (card.source_digest, card.held_digest) == (record.source_digest, record.held_digest_before)
    assert card.trained == {g: c.parameters for g, c in record.parameters.items() if c.trained}
    assert card.versions == record.versions
    assert card.adapter_sha256 == json.loads((run / "adapter" / "adapter.json").read_text())["weights_sha256"]


def test_the_command_of_a_card_is_the_run(run):
    """Parsed and resolved, it gives every setting of the record; the precision is the one computed in."""
    record = read_record(run)
    stored = Configuration.from_json(record.configuration)
    given = settings(run_card(run, "short").command)
    given["clip"] = stored.clip  # of the recipe: it has no flag
    asked = fpt.build(given.pop("task"), **given).configuration
    assert attrs.evolve(asked, precision=stored.precision) == stored


def test_a_command_holds_every_kind_of_setting():
    """Words with spaces, lists, rates of groups, wrappers and switches come back as they were."""
    asked = Configuration(
        task="bits/xor",
        options={"strings": 2, "sizes": [1, 2], "nothing": None},
        group_lr={"head": 1e-5},
        wrappers=("a", "b"),
        cache_features=False,
        init="random",
    )
    found = settings(command(asked, "fp32", "a folder"))
    assert found["options"] == {"strings": "2", "sizes": "1,2"}
    assert found["group_lr"] == {"head": 1e-5}
    assert list(found["wrappers"]) == ["a", "b"]
    assert found["cache_features"] is False
    assert (found["precision"], found["init"]) == ("fp32", "random")


def test_every_setting_is_on_the_card():
    """A new setting of a run is put on its card and into its command, or named here with a reason."""
    on_the_card = {"task", "options", "backbone", "backbone_options", "init", "train", "policy_options"}
    said_by_the_machine = {"precision"}
    where_and_not_what = {"device", "data", "workers"}
    settings = on_the_card | said_by_the_machine | where_and_not_what | set(_RECIPE)
    assert settings == set(attrs.fields_dict(Configuration))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (None, "the card is kept nowhere; write it, in a clone: fpt record"),
        ("card.toml", "put it into a clone's registry; next: fpt registry check registry/runs/NAME.toml"),
        ("registry/runs/card.toml", "next: fpt registry check"),
    ],
)
def test_the_command_says_where_the_card_goes(run, tmp_path, capsys, place, said):
    """Without a file it is printed and kept nowhere; a file counts in a clone's registry alone."""
    record(run, out=place and tmp_path / place)
    shown = capsys.readouterr()
    assert shown.err.startswith(said)
    assert shown.out.startswith("name = " if place is None else str(tmp_path / place))


def test_the_card_of_an_adapter_counts_what_is_frozen_of_each_group(run):
    """Of a group that trains in part the rest is frozen."""
    counts = {
        "input": GroupCount(parameters=10, trained=True),
        "attention": GroupCount(parameters=100, trained=True, partly=30),
        "mlp": GroupCount(parameters=50, trained=False),
    }
    text = card(read_description(run), attrs.evolve(read_record(run), parameters=counts), "partly")
    assert "| trained | input (10), attention (30) parameters |" in text
    assert "| frozen | attention (70), mlp (50) |" in text


def test_a_written_card_is_valid(run, tmp_path):
    """``fpt record --out`` writes a file that the check passes beside the registry, and never over one."""
    out = tmp_path / "registry" / "runs" / "short.toml"
    first, second = (warm_processes.run(*FPT, "record", run, "--out", out) for _ in range(2))
    assert (first.returncode, first.stdout.strip()) == (0, str(out))
    assert (second.returncode, "is there already" in second.stderr) == (1, True)
    checked, findings = check_registry([out])
    assert findings == []
    assert checked[0].card == run_card(run, "short")


def test_a_card_without_a_file_is_named_after_the_run(run):
    """The text is TOML with the folder's name."""
    import tomllib

    card, faults = parse_card(tomllib.loads(record_run(run)), RunCard)
    assert faults == []
    assert card.name == "short"


def test_an_unread_test_split_makes_no_card(changed):
    """The remedy is the command that reads it."""
    place = changed(evaluations={})
    with pytest.raises(fpt.FptError, match="was not read\n  read it, once: fpt evaluate"):
        run_card(place, "short")


def test_a_second_read_is_said(run, changed):
    """A run that was scored twice is refused until the card says twice; one scored once may not say so."""
    once = read_record(run).evaluations["test"]
    place = changed(evaluations={"test": attrs.evolve(once, reads=2)})
    with pytest.raises(fpt.FptError, match=r"was read 2 times, and --reads says 1\n.*--reads 2"):
        run_card(place, "short")
    assert run_card(place, "short", reads=2).reads == 2
    with pytest.raises(fpt.FptError, match="was read 1 times, and --reads says 2"):
        run_card(run, "short", reads=2)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("backbone", "hf:/home/someone/body", "--backbone hf:"),
        ("backbone", "hf:somebody/body", "--backbone hf:"),
        ("init", "run:runs/full", "--init run:"),
        ("options", {"path": "/data/mine"}, "--option path"),
    ],
)
def test_a_place_of_this_machine_makes_no_card(run, changed, setting, value, said):
    """Nobody else can repeat such a run, and the place would be published."""
    place = changed(configuration={**read_record(run).configuration, setting: value})
    with pytest.raises(fpt.FptError, match=said):
        run_card(place, "short")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_in_the_registry_is_a_run_of_this_code(card, tmp_path):
    """Its command builds an arm of that body, those options, that recipe and those trained parameters."""
    pytest.importorskip(f"fpt_{card.task.partition('/')[0]}")
    asked = settings(card.command)
    asked["precision"] = "fp32"  # any machine computes in it
    arm = fpt.build(asked.pop("task"), **asked, clip=card.recipe["clip"])
    given = {k: v for k, v in arm.configuration.backbone_options.items() if v is not None}
    assert (arm.configuration.options, given) == (card.options, card.backbone_options)
    assert (arm.configuration.task, arm.configuration.backbone) == (card.task, card.backbone)
    assert (arm.configuration.init, arm.configuration.train) == (card.init, card.policy)
    plain = arm.configuration.to_json()
    recipe = {name: plain[name] for name in card.recipe}
    assert {**recipe, "precision": card.recipe["precision"]} == card.recipe
    assert arm.model.backbone.source_digest == card.source_digest
    assert {
        g: c.trained_parameters for g, c in group_counts(arm.partition).items() if c.trained
    } == card.trained
    assert (arm.task.floors("test"), len(arm.task.split("test"))) == (card.floors, card.samples)


@pytest.mark.heavy
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_is_what_comes_out(card, tmp_path):
    """Its command, run again here, ends within three points of its scores: other machines round otherwise."""
    words = shlex.split(card.command)[1:]
    words[words.index("--precision") + 1] = "auto"
    for line in (words, ["evaluate", card.name]):
        subprocess.run([sys.executable, "-m", "fpt_plugins", *line], cwd=tmp_path, check=True)
    found = read_record(tmp_path / card.name).evaluations["test"].metrics
    metric = card.floors[0].metric
    assert found[metric] == pytest.approx(card.scores[metric], abs=0.03)
