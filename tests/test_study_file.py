"""A study's file: what it may say, at which scale, and what is refused."""

import pytest

from fpt_plugins import ConfigurationError, UnknownName
from fpt_plugins.study.study_file import build_study, load_study, read_study, save_study

FULL = """
name = "full"
question = "What may a file say?"
seeds = [0, 1]
metric = "accuracy"

[settings]
backbone = "minilm"
backbone-options = { layers = 2 }

[arms.pretrained]
init = "pretrained"

[arms.pretrained-there]
scales = ["paper"]
init = "pretrained"
rates = [1e-4]

[axes]
train = ["head", "fpt"]
"backbone-options.layers" = [1, 2]

[before.memory]
task = "bits/memory"
train = "full"
lr = 1e-3

[sweep]
rates = [1e-3, 1e-2]

[tasks."bits/xor"]
steps = 800
threshold = 0.9

[tasks.long-xor]
task = "bits/xor"
scales = ["paper"]
options = { length = 7 }

[leave-out]
full = "a test"

[stopping]
cell-seconds = 60

[[comparisons]]
first = "pretrained"
second = "none"

[published]
source = "a table"

[published.tasks."bits/xor"]
values = { pretrained = 100 }

[scales.smoke]
seeds = [0]

[scales.smoke.settings]
steps = 2

[scales.paper.tasks."bits/xor"]
steps = 5000
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return tmp_path / "study.toml"

    return write


def test_every_table_is_read(write):
    """Values stand where the file put them, with dashes or underscores, and unsaid ones have defaults."""
    study = read_study(write(FULL), "paper")
    assert (study.name, study.scale, study.seeds, study.metric) == ("full", "paper", (0, 1), "accuracy")
    assert study.settings == {"backbone": "minilm", "backbone_options": {"layers": 2}}
    assert study.axes == {"train": ("head", "fpt"), "backbone_options.layers": (1, 2)}
    assert [(arm.name, arm.rates) for arm in study.arms] == [
        ("pretrained", ()),
        ("pretrained-there", (1e-4,)),
    ]
    assert [(task.label, task.task, task.settings) for task in study.tasks] == [
        ("bits/xor", "bits/xor", {"steps": 5000}),
        ("long-xor", "bits/xor", {"options": {"length": 7}}),
    ]
    assert (study.before[0].name, study.before[0].lr) == ("memory", 1e-3)
    assert (study.stopping.cell_seconds, study.stopping.attempts) == (60, 3)
    assert study.published.tasks["bits/xor"].values == {"pretrained": 100}
    assert study.tasks[0].threshold == 0.9


def test_a_scales_settings_win_over_those_of_tasks(write):
    """At smoke scale two steps are two, whatever the task says; what names other scales is not there."""
    study = read_study(write(FULL), "smoke")
    assert study.settings["steps"] == 2
    assert [(task.label, task.settings) for task in study.tasks] == [("bits/xor", {})]
    assert [arm.name for arm in study.arms] == ["pretrained"]
    assert study.seeds == (0,)


@pytest.mark.parametrize(
    ("said", "instead", "near"),
    [
        ("question =", "qestion =", "question"),
        ("[stopping]", "[stoping]", "stopping"),
        ("cell-seconds", "cell-second", "cell-seconds"),
        ("steps = 800", "stpes = 800", "steps"),
        ("train = [", "trian = [", "train"),
        ("rates = [1e-3, 1e-2]", "rate = [1e-3]", "rates"),
        ("second =", "secnd =", "second"),
        ("[scales.smoke]", "[scales.smok]", "smoke"),
        ("full = ", "ful = ", "full"),
        ("source =", "sorce =", "source"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(write, said, instead, near):
    """A key that is none, in any table, is refused by name, and the one that was meant is offered."""
    text = FULL.replace(said, instead)
    assert text != FULL
    with pytest.raises(UnknownName, match=near):
        read_study(write(text), "smoke")


@pytest.mark.parametrize(
    ("setting", "place"), [("lr = 1e-3", "rates"), ("seed = 1", "seeds"), ('task = "x/y"', "tasks")]
)
def test_what_is_swept_is_no_setting(write, setting, place):
    """A learning rate, a seed or a task among the settings is refused, with the place where it belongs."""
    with pytest.raises(ConfigurationError, match=place):
        read_study(write(FULL.replace('backbone = "minilm"', setting)), "smoke")


@pytest.mark.parametrize(
    ("said", "instead", "words"),
    [
        ('full = "a test"', 'full = " "', "without a reason"),
        ("cell-seconds = 60", "cell-seconds = -1", "cell_seconds"),
        ("rates = [1e-3, 1e-2]", "rates = []", "rates"),
        ('name = "full"', "", "has no name"),
        ("seeds = [0, 1]", "seeds = [0.5]", "seeds"),
        ("[settings]", "[settings", "line"),
        ('"backbone-options.layers" = [1, 2]', '"backbone-options.layers" = 2', "no list"),
    ],
)
def test_a_wrong_value_is_refused(write, said, instead, words):
    """The message says which table and what is wrong with it."""
    with pytest.raises(ConfigurationError, match=words):
        read_study(write(FULL.replace(said, instead)), "paper")


def test_a_scale_that_is_not_there_is_named(write):
    """The file's own scales are offered."""
    with pytest.raises(UnknownName, match="smoke"):
        read_study(write(FULL), "laptop")


def test_a_folder_gives_back_the_study(write, tmp_path):
    """What is saved and loaded is equal, and a folder is read as a file is."""
    study = read_study(write(FULL), "paper")
    save_study(study, tmp_path / "folder")
    assert load_study(tmp_path / "folder") == study
    assert read_study(tmp_path / "folder") == study
    with pytest.raises(ConfigurationError, match="holds no study"):
        load_study(tmp_path)


def test_one_task_of_a_study(small_study):
    """A study of one task has a name of its own; an unknown one is refused."""
    study = small_study(tasks={"bits/xor": {}, "bits/memory": {}}).of_task("bits/memory")
    assert (study.name, [task.label for task in study.tasks]) == ("small-bits-memory", ["bits/memory"])
    with pytest.raises(UnknownName):
        study.of_task("bits/xor")


def test_a_study_needs_a_task():
    """A grid without a task is no grid."""
    with pytest.raises(ConfigurationError, match="tasks"):
        build_study({"name": "empty", "scales": {"laptop": {}}}, "laptop", "empty.toml")


def test_a_file_without_scales_has_one_size():
    """Such a study is the same as one whose scale changes nothing."""
    content = {"name": "small", "tasks": {"bits/xor": {}}}
    whole = build_study(dict(content), "laptop", "small.toml")
    assert whole == build_study({**content, "scales": {"laptop": {}}}, "laptop", "small.toml")
