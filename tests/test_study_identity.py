"""What a cell is: its hash changes exactly with what its run is made from."""

import json

import attrs
import pytest

from fpt_plugins import ConfigurationError, UnknownName
from fpt_plugins.study import identity as module
from fpt_plugins.study.identity import Identities

SETTINGS = {
    "task": "bits/xor",
    "backbone": "gpt2-mini",
    "backbone_options": {"layers": 1},
    "init": "random",
    "steps": 4,
    "precision": "fp32",
}


def hash_of(settings=SETTINGS, lr=1e-3, seed=0, begins=""):
    identities = Identities()
    return identities.identify(settings, identities.resolve(settings, lr, seed), begins)


@pytest.fixture(scope="module")
def known():
    return hash_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"length": 6}},
        {"backbone_options": {"layers": 2}},
        {"train": "head"},
        {"steps": 5},
        {"batch_size": 3},
        {"evaluate_every": 2},
        {"dropout": 0.1},
        {"clip": 0.5},
        {"data_fraction": 0.5},
        {"group_lr": {"head": 0.1}},
        {"init_seed": 7},
        {"precision": "bf16"},
        {"cache_features": False},
    ],
    ids="".join,
)
def test_every_setting_is_part_of_it(known, changes):
    """Each setting that a result depends on makes another cell."""
    assert hash_of({**SETTINGS, **changes}) != known


def test_rate_seed_and_beginning_are_part_of_it(known):
    """So do the learning rate, the seed, and the run that the body comes from."""
    assert len({known, hash_of(lr=1e-2), hash_of(seed=1), hash_of(begins="abc"), hash_of(begins="abd")}) == 5


def test_what_is_said_or_left_to_the_recipe_is_one_cell(known):
    """A value that the task's recipe has anyway, an option at its default and a device change nothing."""
    said = {"batch_size": 64, "options": {"length": "5"}, "device": "cpu", "train": "fpt"}
    assert hash_of({**SETTINGS, **said}) == known == hash_of()


@pytest.mark.parametrize("name", ["fpt-plugins", "torch", "transformers"])
def test_versions_are_part_of_it(known, monkeypatch, name):
    """Another version of ours, of torch or of transformers makes another cell."""
    versions = {**module.library_versions(), name: "0.0"}
    monkeypatch.setattr(module, "library_versions", lambda: versions)
    assert hash_of() != known


def test_libraries_that_compute_nothing_are_not(known, monkeypatch):
    """Another NumPy makes no other cell: the identity has the versions that it names."""
    versions = {**module.library_versions(), "numpy": "0.0"}
    monkeypatch.setattr(module, "library_versions", lambda: versions)
    assert hash_of() == known


def test_the_plugins_version_is_part_of_it(known, monkeypatch):
    """So is the version of the task's plugin."""
    resolve = module.resolve
    other = {"bits": {"distribution": "fpt-bits", "version": "9"}}
    monkeypatch.setattr(module, "resolve", lambda given: attrs.evolve(resolve(given), versions=other))
    assert hash_of() != known


def test_the_body_is_part_of_it(tmp_path):
    """One weight of a body's file moved by a little makes another cell, for what is drawn after it too."""
    from transformers import GPT2Config, GPT2Model

    model = GPT2Model(GPT2Config(n_layer=1, n_embd=8, n_head=2, n_positions=16))
    model.save_pretrained(tmp_path)
    settings = {"task": "bits/xor", "backbone": f"hf:{tmp_path}", "steps": 4}
    before = [hash_of({**settings, "init": init}) for init in ("pretrained", "statistics", "random")]
    model.h[0].mlp.c_fc.weight.data[0, 0] += 0.5
    model.save_pretrained(tmp_path)
    after = [hash_of({**settings, "init": init}) for init in ("pretrained", "statistics", "random")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


def test_what_is_resolved_is_what_the_run_records(tmp_path, known):
    """The configuration that is hashed is the one that the run of it writes, value by value."""
    from fpt_plugins import train

    configuration = Identities().resolve({**SETTINGS, "batch_size": 4}, 1e-3, 0)
    plain = configuration.to_json()
    record = train(**{**plain, "out": tmp_path / "run"})
    assert json.loads(json.dumps(plain)) == json.loads(json.dumps(record.configuration))


def test_wrong_names_are_refused_before_anything_runs():
    """An option, a policy's body or an initialization that is none is refused when the cell is resolved."""
    with pytest.raises(UnknownName, match="length"):
        hash_of({**SETTINGS, "options": {"lenght": 3}})
    with pytest.raises(UnknownName, match="initialization"):
        hash_of({**SETTINGS, "init": "pretrained"})
    with pytest.raises(ConfigurationError):
        hash_of({**SETTINGS, "steps": 0})
