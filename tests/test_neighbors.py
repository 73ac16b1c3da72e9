"""A run of one plugin, a listing and checks beside neighbors of every broken kind, under eight hash seeds."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.heavy

SEEDS = range(8)

SPLIT = """
    def split(self, name):
        first = {"train": 0, "validation": 100, "test": 200}[name]
        return [([(first + n) % 3, n % 2, n % 3], n % 3) for n in range(12)]
"""
"""In the place of the one that is not implemented."""

PROGRAM = """
import json, sys
import fpt_plugins
import fpt_plugins.listing
from fpt_plugins.errors import FptError
from fpt_plugins.listing import list_plugins, write_row
from fpt_plugins.options import converter
from fpt_plugins.testing import check
from fpt_plugins.testing.suite import SUITES

fpt_plugins.listing.SECONDS_OF_SILENCE = 8.0  # a busy machine must not make a healthy plugin silent
SUITES["tried"] = ("check_metadata", "check_hooks")

def told(function):
    try:
        return function()
    except FptError as error:
        return f"{type(error).__name__}: {error}"

def checked(name):
    results = check(name, suite="tried", patience=120.0 if name != "hangs" else 10.0)
    return [(result.check, result.status, result.reason, result.remedy) for result in results]

def trained(task, folder):
    body = {"backbone": "block-1", "backbone_options": {"width": 16, "heads": 2, "positions": 8}}
    settings = {"init": "random", "steps": 2, "device": "cpu", **body}
    record = fpt_plugins.train(task, out=f"{sys.argv[1]}/{folder}", **settings)
    return record.evaluations["validation"].metrics

print(json.dumps({
    "rows": [write_row(row) for row in list_plugins()],
    "checks": {name: told(lambda: checked(name)) for name in ("healthy", "twin", "older", "newer", "hangs")},
    "runs": {
        task: told(lambda: trained(task, str(number)))
        for number, task in enumerate(
            ["healthy/echo", "twin/echo", "first-twin:twin/echo", "older/echo", "newer/echo"]
        )
    },
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory, fake_distributions, healthy_plugin):
    """What the program prints under each seed."""
    folder = tmp_path_factory.mktemp("plugins")
    fake = fake_distributions(folder)

    def source(plugin):
        given = healthy_plugin(plugin)
        assert "    def split(self, name): raise NotImplementedError\n" in given
        return given.replace("    def split(self, name): raise NotImplementedError\n", SPLIT)

    fake.add("healthy", source("healthy"))
    fake.add("first-twin", source("twin"), plugin="twin")
    fake.add("other-twin", source("twin"), plugin="twin")
    fake.add("older", source("older"), requires=["fpt-plugins<0.1"])
    fake.add("newer", source("newer"), requires=["fpt-plugins>=9"])
    fake.add("hangs", "import time; time.sleep(600)")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    printed = {}
    for seed in SEEDS:
        out = tmp_path_factory.mktemp("runs")
        variables = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": str(seed)}
        command = [sys.executable, "-c", PROGRAM, str(out)]
        shown = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        printed[seed] = json.loads(shown.stdout)
    return printed


def test_the_hash_seed_changes_nothing(told):
    """Rows, checks, refusals and the scores of runs are the same under eight seeds."""
    differing = [
        (seed, what)
        for seed in SEEDS
        for what in told[0]
        for one, other in [(json.dumps(told[seed][what]), json.dumps(told[0][what]))]
        if one != other
    ]
    assert differing == []


def test_the_listing_has_every_neighbor(told):
    """Each broken one is a row with its reason, and the healthy one is listed."""
    rows = {row["distribution"]: row for row in map(json.loads, told[0]["rows"])}
    assert rows["healthy"]["error"] is None
    assert "is provided by first-twin 1.0 and other-twin 1.0" in rows["first-twin"]["error"]
    assert "is written for fpt-plugins <0.1" in rows["older"]["error"]
    assert "is written for fpt-plugins >=9" in rows["newer"]["error"]
    assert "timed out" in rows["hangs"]["error"]


def test_a_run_of_another_plugin_goes_on(told):
    """The healthy task trains; a name that two provide is refused with both, and an address decides."""
    runs = told[0]["runs"]
    assert 0 <= runs["healthy/echo"]["accuracy"] <= 1
    assert 0 <= runs["first-twin:twin/echo"]["accuracy"] <= 1
    assert runs["twin/echo"].startswith("PluginError: the plugin 'twin' is provided by first-twin 1.0 and")
    assert "first-twin:twin or other-twin:twin" in runs["twin/echo"]
    assert runs["older/echo"].endswith("upgrade older")
    assert runs["newer/echo"].endswith("upgrade fpt-plugins")


def test_a_check_says_what_is_wrong_with_each(told):
    """The healthy one's hooks pass; a clash is refused, another contract and a hang are failed checks."""
    checks = told[0]["checks"]
    status = {name: [row[1] for row in rows] for name, rows in checks.items() if isinstance(rows, list)}
    assert status["healthy"] == ["failed", "passed"]  # the fake distribution names no license
    assert checks["twin"].startswith("PluginError: the plugin 'twin' is provided by first-twin 1.0 and")
    for name, remedy in {"older": "upgrade older", "newer": "upgrade fpt-plugins"}.items():
        assert status[name] == ["failed", "failed"]
        assert checks[name][0][3] == remedy
    assert checks["hangs"][1][1:3] == ["failed", "took more than 10 s"]
