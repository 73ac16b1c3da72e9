"""The studies of examples/studies: each parses, resolves and runs."""

import time
from pathlib import Path

import pytest

from fpt_plugins import FptError
from fpt_plugins.study.arms import arms_of
from fpt_plugins.study.definition import CONTROLS
from fpt_plugins.study.identity import BEFORE, Identities
from fpt_plugins.study.study_file import SCALES, read_study

FILES = sorted((Path(__file__).parents[1] / "examples" / "studies").glob("*.toml"))
TABLES = (1, 2, 3, 6, 8, 9, 10, 11, 13, 15, 16, 17)
"""Of Lu et al. 2021, those that a study can repeat."""


def test_every_table_has_a_study():
    """And there are the two that README names."""
    assert {path.stem for path in FILES} == {
        "language-or-random",
        "ablation",
        *(f"table-{number}" for number in TABLES),
    }


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_resolves(path, scale):
    """At each scale every name is known, every arm can begin, and every control is there or excused."""
    study, identities = read_study(path, scale), Identities()
    arms = arms_of(study)
    for arm in arms.arms:
        if ":" in arm.settings.get("backbone", "") or arm.settings.get("init", "").startswith(BEFORE):
            continue  # on the Hugging Face Hub, or another run's
        configuration = identities.resolve(arm.settings, arm.rates[0], study.seeds[0])
        assert configuration.task == arm.settings["task"]
    for task in study.tasks:
        found = {arm.control for arm in arms.arms if arm.task == task.label}
        assert found | set(arms.left_out) >= set(CONTROLS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_figures_stand_beside_arms(path):
    """At paper scale each published figure belongs to a task and an arm of the study."""
    study = read_study(path, "paper")
    if study.published is not None:
        names = {(arm.task, arm.name) for arm in arms_of(study).arms}
        figures = {(task, arm) for task, scores in study.published.tasks.items() for arm in scores.values}
        assert figures
        assert figures <= names


@pytest.mark.parametrize(
    ("name", "task"), [("language-or-random", "bits/xor"), ("table-16", "images/digits")]
)
def test_smoke_scale_runs(name, task, run_small, direct_workers):
    """A task of it is trained and scored to the end."""
    path = next(path for path in FILES if path.stem == name)
    results = run_small(read_study(path, "smoke").of_task(task), direct_workers)
    assert results.complete


@pytest.mark.heavy
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_smoke_scale_runs(path, run_small, new_direct_workers):
    """All of it is trained and scored to the end, in less than five minutes."""
    began = time.monotonic()
    try:
        results = run_small(read_study(path, "smoke"), new_direct_workers())
    except FptError as error:
        pytest.fail(str(error))
    assert results.complete, results.standing()
    assert time.monotonic() - began < 300
