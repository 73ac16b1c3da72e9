"""The settings of a TOML file, and of flags that name groups."""

from pathlib import Path

import pytest

from fpt_plugins import Configuration, ConfigurationError, UnknownName
from fpt_plugins.settings_file import assignments_as_floats, read_settings

TOML = """
backbone = "gpt2-mini"
init = "random"
train = "head,layer_norm"
steps = 7
batch-size = 3
lr = 0.5
dropout = 0
clip = 5.0
evaluate-every = 2
seed = 3
init-seed = 4
precision = "fp32"
device = "cpu"
with = ["augment", "cache"]

[options]
length = "20"
tokens = "values"

[backbone-options]
layers = 1

[group-lr]
head = 0.25
"""


MEANT = {
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


def write(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_toml_file_has_the_names_of_the_flags(tmp_path):
    """Every flag can stand in the file, with its own spelling, and means the same there."""
    assert Configuration.of("bits/xor", **read_settings(write(tmp_path, TOML))) == Configuration.of(
        "bits/xor", **MEANT
    )


def test_one_wrapper_needs_no_list(tmp_path):
    """``with = "augment"`` is one plugin, not seven letters."""
    settings = read_settings(write(tmp_path, 'with = "augment"'))
    assert Configuration.of("bits/xor", **settings).wrappers == ("augment",)


@pytest.mark.parametrize(("key", "near"), [("batch-sise", "batch-size"), ("task", ""), ("wrappers", "")])
def test_a_key_that_is_no_flag_is_refused(tmp_path, key, near):
    """The file and the key are named, and the nearest flag is offered, spelt as a flag."""
    with pytest.raises(UnknownName, match=f"no setting in .*run.toml '{key}'\n.*{near}"):
        read_settings(write(tmp_path, f"{key} = 1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 7\nlr = = 3", "line 2"),
        ("steps 7", "line 1"),
        (b"lr = '\xff'", "utf-8"),
        (None, "there is no such file"),
        (Path(), "Is a directory"),
    ],
    ids=["twice", "no equals", "encoding", "missing", "directory"],
)
def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path, text, message):
    """What cannot be read is a ``ConfigurationError`` with the flag, the file and the place."""
    path = tmp_path / (text or "gone.toml") if text is None or text == Path() else write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=f"--config {path}.*{message}") as caught:
        read_settings(path)
    assert "Errno" not in caught.value.message
    assert caught.value.remedy


def test_a_value_of_the_wrong_kind_is_named_with_the_file(tmp_path):
    """The file, the setting, the value, and what the setting takes; several learning rates are none."""
    path = write(tmp_path, 'steps = "five"\nlr = [1e-3, 1e-2]')
    with pytest.raises(ConfigurationError) as caught:
        read_settings(path)
    assert str(caught.value) == (
        f"--config {path}: steps: 'five' is no whole number\n  steps takes a whole number from 1"
    )


@pytest.mark.parametrize(
    ("line", "found"), [("lr = [1e-3, 'x']", "lr: 'x' is no number"), ("fast = ['gelus']", "fast")]
)
def test_what_stands_in_a_list_is_named_with_the_file(tmp_path, line, found):
    """One of several learning rates, and a part of the fast path, are refused as a lone value is."""
    path = write(tmp_path, line)
    with pytest.raises(ConfigurationError, match=f"--config {path}: .*{found}"):
        read_settings(path)


def test_rates_by_group_are_read_as_numbers():
    """``GROUP=X`` words become numbers; a word that is none is shown with its flag."""
    assert assignments_as_floats(["head=1e-2", "input=3"], "--group-lr") == {"head": 0.01, "input": 3.0}
    with pytest.raises(ConfigurationError, match=r"--group-lr head=fast: .*'fast'"):
        assignments_as_floats(["head=fast"], "--group-lr")
