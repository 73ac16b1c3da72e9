"""Configurations: flags, a TOML file and recipes in one immutable record."""

import json
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import Configuration, ConfigurationError, Recipe, UnknownName
from fpt_plugins.accepted_values import ACCEPTED
from fpt_plugins.backbone import GROUPS
from fpt_plugins.configuration import BATCHINGS, COMPILATIONS, FAST_PARTS, PRECISIONS, QUANTIZATIONS
from fpt_plugins.storage import json_bytes

RECIPE = Recipe(steps=400, batch_size=32, lr=1e-3, group_lr={"head": 1e-2}, dropout=0.1, clip=2.0)
FROM_RECIPE = {
    "steps": 400,
    "batch_size": 32,
    "lr": 1e-3,
    "group_lr": {"head": 1e-2},
    "dropout": 0.1,
    "clip": 2.0,
}
ASKED = {
    "options": {"length": "20", "tokens": "values"},
    "backbone": "gpt2-mini",
    "backbone_options": {"layers": 1},
    "init": "random",
    "train": "head,layer_norm",
    "steps": 7,
    "batch_size": 3,
    "lr": 0.5,
    "group_lr": {"head": 0.25},
    "dropout": 0.0,
    "clip": 5.0,
    "evaluate_every": 2,
    "seed": 3,
    "init_seed": 4,
    "precision": "fp32",
    "device": "cpu",
    "wrappers": ("augment", "cache"),
}


def differing(first, second):
    """The names of the fields in which two configurations differ."""
    return {
        name for name in attrs.fields_dict(Configuration) if getattr(first, name) != getattr(second, name)
    }


def test_the_recipe_fills_exactly_what_is_missing():
    """With nothing given, the recipe's values and what follows from them come in, and nothing else."""
    asked = Configuration.of("bits/xor")
    resolved = asked.resolve(RECIPE)
    assert differing(asked, resolved) == FROM_RECIPE.keys() | {"evaluate_every", "init", "init_seed"}
    assert {name: getattr(resolved, name) for name in FROM_RECIPE} == FROM_RECIPE
    assert (resolved.evaluate_every, resolved.init_seed) == (400 // 20, 0)


def test_what_was_given_stays():
    """A configuration in which everything is given is not changed by any recipe."""
    asked = Configuration.of("bits/xor", **ASKED)
    assert asked.resolve(RECIPE) == asked


@pytest.mark.parametrize("name", FROM_RECIPE)
def test_one_given_value_replaces_that_of_the_recipe_alone(name):
    """Giving one setting leaves the others to the recipe; a rate for all replaces those of single groups."""
    resolved = Configuration.of("bits/xor", **{name: ASKED[name]}).resolve(RECIPE)
    replaced = {"lr": {"group_lr": {}}}.get(name, {})
    expected = {**FROM_RECIPE, **replaced, name: ASKED[name]}
    assert {each: getattr(resolved, each) for each in FROM_RECIPE} == expected


def test_group_rates_are_merged_by_group():
    """The user's rate of one group stands beside the recipe's rate of another."""
    resolved = Configuration.of("bits/xor", group_lr={"input": 0.5}).resolve(RECIPE)
    assert resolved.group_lr == {"head": 1e-2, "input": 0.5}


def test_resolving_twice_is_resolving_once():
    """A resolved configuration, as an adapter holds it, is not changed by another recipe."""
    resolved = Configuration.of("bits/xor", seed=5).resolve(RECIPE)
    assert resolved.resolve(Recipe(steps=9, batch_size=9, lr=9.0, group_lr={"mlp": 9.0})) == resolved


@pytest.mark.parametrize(
    ("steps", "asked", "in_recipe", "expected"),
    [(100, None, None, 5), (3, None, None, 1), (100, 7, 30, 7), (100, None, 30, 30), (10, 50, None, 10)],
)
def test_validation_comes_20_times_unless_said_otherwise(steps, asked, in_recipe, expected):
    """A twentieth of the steps, at least 1; the flag before the recipe; never later than the last step."""
    recipe = attrs.evolve(RECIPE, evaluate_every=in_recipe)
    assert (
        Configuration.of("t/t", steps=steps, evaluate_every=asked).resolve(recipe).evaluate_every == expected
    )


def test_the_initialization_is_the_first_that_the_body_knows():
    """A body without pretrained weights is drawn; one that is asked for stays."""
    asked = Configuration.of("t/t")
    assert asked.resolve(RECIPE, ("random", "zeros")).init == "random"
    assert Configuration.of("t/t", init="zeros").resolve(RECIPE, ("random", "zeros")).init == "zeros"


def test_the_init_seed_is_the_seed_where_it_is_not_given():
    """Zero counts as given."""
    assert Configuration.of("t/t", seed=5).resolve(RECIPE).init_seed == 5
    assert Configuration.of("t/t", seed=5, init_seed=0).resolve(RECIPE).init_seed == 0


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "options": st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()),
            "steps": st.integers(1),
            "lr": st.floats(1e-9, 1e9),
            "group_lr": st.dictionaries(st.sampled_from(GROUPS), st.floats(1e-9, 1e9)),
            "dropout": st.floats(0, 0.99),
            "seed": st.integers(0),
            "wrappers": st.lists(st.text()).map(tuple),
        },
    )
)
def test_it_comes_back_from_json(settings):
    """Asked or resolved, a configuration goes through the JSON that we write and comes back equal."""
    asked = Configuration.of("bits/xor", **settings)
    for one in (asked, asked.resolve(RECIPE)):
        assert Configuration.from_json(json.loads(json_bytes(one.to_json()))) == one


def test_a_place_is_no_setting():
    """Where the data lie is neither recorded nor compared."""
    here, there = (Configuration.of("t/t", data=place) for place in ("here", "there"))
    assert (here == there, here.data, "data" in here.to_json()) == (True, Path("here"), False)


def test_not_given_is_none():
    """``None`` stands for "not given" for every setting."""
    assert Configuration.of("t/t", **dict.fromkeys(ASKED)) == Configuration(task="t/t")


REFUSED = [
    ({"steps": 1.5}, "steps: 1.5 is no whole number"),
    ({"steps": True}, "steps: True is no whole number"),
    ({"steps": 0}, "'steps' must be >= 1: 0"),
    ({"steps": "many"}, "steps: .*'many'"),
    ({"batch_size": -2}, "'batch_size' must be >= 1: -2"),
    ({"lr": 0}, "'lr' must be > 0.0: 0.0"),
    ({"lr": True}, "lr: True is no finite number"),
    ({"lr": float("inf")}, "lr: inf is no finite number"),
    ({"lr": float("nan")}, "lr: nan is no finite number"),
    ({"group_lr": {"head": 0}}, "must be > 0.0"),
    ({"group_lr": {"head": "fast"}}, r"group_lr\['head'\]: .*'fast'"),
    ({"group_lr": {"haed": 0.1}}, "no parameter group 'haed'\n  did you mean head"),
    ({"group_lr": 0.1}, "group_lr: not "),
    ({"dropout": 1.0}, "'dropout' must be < 1.0"),
    ({"dropout": -0.1}, "'dropout' must be >= 0.0"),
    ({"clip": 0.0}, "'clip' must be > 0.0"),
    ({"evaluate_every": 0}, "'evaluate_every' must be >= 1"),
    ({"seed": -1}, "'seed' must be >= 0: -1"),
    ({"seed": 0.5}, "seed: 0.5 is no whole number"),
    ({"init_seed": -1}, "'init_seed' must be >= 0"),
    ({"precision": "fp16"}, r"'precision' must be in \('auto', 'bf16', 'fp32'\)"),
    ({"train": ["head"]}, r"train: \['head'\] is no text"),
    ({"device": 0}, "device: 0 is no text"),
    ({"options": ["length=2"]}, "options: not "),
    ({"options": {"since": print}}, "'options' must hold plain values"),
    ({"backbone_options": {"x": float("nan")}}, "'backbone_options' must hold plain values"),
    ({"wrappers": [1]}, "1 is no text"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[str(settings) for settings, _ in REFUSED])
def test_a_value_that_no_run_can_have_is_refused(settings, message):
    """The message names the setting and what was given, the remedy what the setting takes."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        Configuration.of("bits/xor", **settings)
    spelled = next(iter(settings)).replace("_", "-")
    assert caught.value.remedy.startswith(f"{spelled} takes ")


def test_every_setting_says_what_it_takes():
    """There are words for each field of a configuration, and for no other; a choice names its words."""
    assert ACCEPTED.keys() == attrs.fields_dict(Configuration).keys()
    choices = {
        "batching": BATCHINGS,
        "precision": PRECISIONS,
        "compile": COMPILATIONS,
        "quantize": QUANTIZATIONS,
        "fast": FAST_PARTS,
    }
    for name, words in choices.items():
        assert set(words) <= set(re.findall(r"[\w-]+", ACCEPTED[name])), name


def test_every_mistake_is_named_at_once():
    """Two wrong settings are both in one message."""
    with pytest.raises(ConfigurationError) as caught:
        Configuration.of("bits/xor", steps=1.5, seed="x")
    assert {reason.partition(":")[0] for reason in caught.value.message.split("; ")} == {"steps", "seed"}


def test_an_unknown_setting_offers_the_nearest():
    """A misspelt setting is refused with the name that was meant."""
    with pytest.raises(UnknownName, match="no setting 'batchsize'\n  did you mean batch_size"):
        Configuration.of("bits/xor", batchsize=3)
