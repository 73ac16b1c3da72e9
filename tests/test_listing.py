"""Listing reports every plugin, whatever it does when it is imported, and goes on with the rest."""

import json
import os
import subprocess
import sys

import pytest

from fpt_plugins import __version__, listing
from fpt_plugins.backbones.catalog import BACKBONES
from fpt_plugins.listing import list_plugins

BROKEN = {
    "fails": (
        "import no_such_module",
        "cannot be used: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "exits": ("raise SystemExit(3)", "cannot be used: SystemExit: 3"),
    "dies": ("import os; os._exit(7)", "ended the process that imported it: exit code 7"),
    "dies-well": ("import os; os._exit(0)", "ended the process that imported it: exit code 0"),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11 (Segmentation fault)"),
    "hangs": ("import time; time.sleep(60)", "timed out: no answer in 2 s"),
    "misspells": (
        "from fpt_plugins import hookimpl\n@hookimpl\ndef fpt_taks(): return []",
        "cannot be used: there is no hook 'fpt_taks'",
    ),
    "interrupts": ("raise KeyboardInterrupt", "ended the process that imported it"),
    "reads": ("input()", "cannot be used: EOFError"),
}
"""Source and reason, by distribution."""

CONTRACTS = {
    "older": (["fpt-plugins<0.1"], "is written for fpt-plugins <0.1", "upgrade older"),
    "newer": (["fpt-plugins>=9"], "is written for fpt-plugins >=9", "upgrade fpt-plugins"),
    "silent": ([], "does not say which versions", 'its pyproject.toml needs: dependencies = ["fpt-plugins'),
}

LOUD = """
import atexit, os, sys, threading, time
print("noise")
os.write(1, b"noise\\n")
sys.stdout = open(os.devnull, "w")
threading.Thread(target=time.sleep, args=(60,)).start()
atexit.register(time.sleep, 60)
"""
"""Prints where the rows go, and keeps an interpreter from ending."""

TELLS_TORCH = "\nimport sys\nEcho.summary = 'torch' * ('torch' in sys.modules)\n"


@pytest.fixture(scope="module")
def rows(tmp_path_factory, fake_distributions, healthy_plugin):
    """One listing of healthy and broken plugins together, by distribution."""
    folder = tmp_path_factory.mktemp("plugins")
    fake = fake_distributions(folder)
    for distribution, (source, _) in BROKEN.items():
        fake.add(distribution, source, version="1.2")
    for distribution, (requires, _, _) in CONTRACTS.items():
        fake.add(distribution, version="1.2", requires=requires)
    fake.add("a-healthy", healthy_plugin("a_healthy") + LOUD)
    fake.add("z-healthy", healthy_plugin("z_healthy") + TELLS_TORCH)
    fake.add("first-twin", healthy_plugin("twin"), plugin="twin", version="0.1")
    fake.add("other-twin", healthy_plugin("twin"), plugin="twin", version="0.3")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return {row.distribution: row for row in list_plugins()}


@pytest.mark.parametrize("distribution", BROKEN)
def test_a_broken_plugin_is_a_row_with_its_reason(rows, distribution):
    """It is reported with its distribution and version, and provides nothing."""
    row, (_, reason) = rows[distribution], BROKEN[distribution]
    assert (row.plugin, row.version) == (distribution.replace("-", "_"), "1.2")
    assert reason in row.error
    assert row.tasks == row.backbones == row.hooks == []


@pytest.mark.parametrize("distribution", CONTRACTS)
def test_a_plugin_for_another_contract_is_a_row_with_the_remedy(rows, distribution):
    """Older, newer and none at all, each with what to upgrade or to add."""
    row, (_, reason, remedy) = rows[distribution], CONTRACTS[distribution]
    assert row.version == "1.2"
    assert row.error.startswith(reason)
    assert row.remedy.startswith(remedy)


@pytest.mark.parametrize(("distribution", "version"), [("first-twin", "0.1"), ("other-twin", "0.3")])
def test_plugins_of_one_name_are_rows_that_name_both(rows, distribution, version):
    """Each carries the clash, and shows its tasks by the address that a run can use."""
    row = rows[distribution]
    assert row.version == version
    assert row.error == "the plugin 'twin' is provided by first-twin 0.1 and other-twin 0.3"
    assert [task.name for task in row.tasks] == [f"{distribution}:twin/echo"]


@pytest.mark.parametrize("distribution", ["a-healthy", "z-healthy"])
def test_everything_else_is_listed(rows, distribution):
    """Healthy plugins before and after the broken ones show tasks, options, defaults and recipe."""
    row = rows[distribution]
    (task,) = row.tasks
    (option,) = task.options
    assert row.error is None
    assert row.hooks == ["fpt_tasks", "fpt_tokenize"]
    assert task.name == f"{row.plugin}/echo"
    assert (option.name, option.type, option.default, option.help) == (
        "symbols",
        "int",
        3,
        "how many there are",
    )
    assert (task.recipe["steps"], task.recipe["batch_size"], task.recipe["lr"]) == (10, 4, 1e-3)


def test_the_core_lists_its_backbones_with_their_facts(rows):
    """Each spec of the catalog is there with the same facts, and each family by its prefix."""
    core = rows["fpt-plugins"]
    listed = {backbone.name: backbone for backbone in core.backbones}
    assert (core.plugin, core.version, core.error) == ("fpt_plugins", __version__, None)
    assert len(listed) == len(BACKBONES)
    for spec in BACKBONES:
        if not hasattr(spec, "prefix"):
            row = listed[spec.name]
            assert (row.embed_dim, row.layers, row.causal) == (spec.embed_dim, spec.layers, spec.causal)
            assert (row.license, row.revision, tuple(row.inits)) == (spec.license, spec.revision, spec.inits)


def test_listing_loads_no_torch(rows):
    """The last plugin to be loaded finds no torch in the process that lists."""
    assert rows["z-healthy"].tasks[0].summary == ""


def test_the_rows_are_sorted(rows):
    """By name, then distribution."""
    order = [(row.plugin, row.distribution) for row in rows.values()]
    assert order == sorted(order)


def test_the_hash_seed_changes_nothing(tmp_path, fake_distributions, healthy_plugin):
    """Under four hash seeds the rows, and the refusal of a clashing task, are the same bytes."""
    fake = fake_distributions(tmp_path)
    for distribution in ("first-twin", "other-twin", "third-twin"):
        fake.add(distribution, healthy_plugin("twin"), plugin="twin")
    fake.add("dies", "import os; os._exit(7)")
    program = """
from fpt_plugins.errors import PluginError
from fpt_plugins.listing import list_plugins, write_row
from fpt_plugins.plugins import Plugins
print(*map(write_row, list_plugins()), sep="\\n")
try:
    Plugins.for_task("twin/echo")
except PluginError as error:
    print(error)
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in range(4)
    }
    assert len(printed) == 1
    assert "first-twin 1.0 and other-twin 1.0 and third-twin 1.0" in printed.pop()


def test_what_cannot_be_listed_is_the_plugins_fault(distributions, healthy_plugin):
    """A fact of the wrong type, and a recipe that raises, are rows with a reason."""
    distributions.add("odd", healthy_plugin("odd").replace("default=3", "default=object()"))
    distributions.add(
        "raises", healthy_plugin("raises").replace("Recipe(steps=10", "property(lambda self: 1 / 0) or (10")
    )
    errors = {row.plugin: row.error for row in list_plugins() if row.plugin in {"odd", "raises"}}
    assert "not JSON serializable" in errors["odd"]
    assert "raises" in errors


def test_a_listing_that_cannot_start_is_an_error(monkeypatch):
    """Where no plugin is to blame there is no row, and no endless loop."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(listing.FptError, match="exit code 1"):
        list_plugins()


def test_the_installed_plugins_import_nothing_heavy():
    """The process that lists what is installed here loads none of the libraries that do the work."""
    heavy = {"torch", "transformers", "timm", "sklearn", "PIL", "Bio", "scipy", "h5py", "matplotlib"}
    command = [sys.executable, "-X", "importtime", "-m", "fpt_plugins.listing_process", "0"]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "fpt_plugins" in imported
    assert not heavy & imported


def test_listing_stays_within_its_time():
    """``fpt plugins`` takes under half a second of processor time, its child included."""
    spent = []
    for _ in range(3):  # the best of three: the machine may be busy
        before = os.times()
        ran = subprocess.run(
            [sys.executable, "-m", "fpt_plugins", "plugins", "--json"], capture_output=True, check=True
        )
        after = os.times()
        spent.append(sum(after[2:4]) - sum(before[2:4]))  # user and system time of children
    assert json.loads(ran.stdout)
    assert min(spent) < 0.5
