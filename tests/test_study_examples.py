"""The studies of examples/studies: each parses, resolves and runs."""

import time
from pathlib import Path

import pytest

from fpt_plugins import FptError
from fpt_plugins.registry import cards
from fpt_plugins.registry_cards import TaskCard
from fpt_plugins.study.arms import arms_of
from fpt_plugins.study.definition import CONTROLS, PublishedScores
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
        figures = {
            (task, arm)
            for task, scores in study.published.tasks.items()
            for arm in (*scores.values, *scores.steps)
        }
        assert figures
        assert figures <= names


FROZEN = {
    "pretrained on language": {
        **dict.fromkeys(("table-2", "table-8", "table-9", "language-or-random"), "pretrained"),
        **dict.fromkeys(("table-10", "table-13"), "fpt"),
        "table-17": "gpt2",
        "table-8": "pretrained, backbone=gpt2",
        "table-16": "pretrained, train=fpt",
        "table-15": "train=head,layer_norm,input,position",  # in whole per cents
    },
    "random": {
        **dict.fromkeys(("table-2", "table-9", "language-or-random"), "random"),
        "table-3": "transformer",
        "table-8": "random, backbone=gpt2",
        "table-16": "random, train=fpt",
    },
}
"""One row of the paper, a frozen GPT-2 of 12 layers, under the names that it has in its tables."""


def registered():
    """The figures of the registry's cards: by task and model, in per cent."""
    return [
        (card.name, each.model.removeprefix("GPT-2, 12 layers, frozen, "), 100 * each.value)
        for card in cards(TaskCard)
        for each in card.published
        if each.table == "arXiv 2103.05247, Table 2"
    ]


def test_the_papers_tables_agree_with_each_other_and_with_the_registry():
    """The same model has the same figure wherever it is printed again: in ten studies and on the cards."""
    studies = {path.stem: read_study(path, "paper").published for path in FILES}
    compared = 0
    for task, model, expected in registered():
        for name, arm in FROZEN[model].items():
            figure = studies[name].tasks.get(task, PublishedScores()).values.get(arm)
            if figure is not None:
                assert figure == pytest.approx(expected, abs=0.5 if name == "table-15" else 1e-9), (
                    name,
                    task,
                )
                compared += 1
    assert compared >= 40


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
