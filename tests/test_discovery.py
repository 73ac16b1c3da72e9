"""Which plugins are found, and what their metadata say of the contract; none is imported."""

import sys

import pytest
from packaging.version import Version

from fpt_plugins import PluginError, UnknownName, __version__
from fpt_plugins.discovery import find_plugin, installed_plugins


def ours(distributions):
    """The plugins that a test installed."""
    names = {path.stem for path in distributions.folder.glob("*.py")}
    return [plugin for plugin in installed_plugins() if plugin.entry_point.module in names]


def contract(distributions, *requires):
    """The plugin of a distribution that requires these."""
    distributions.add("echo", requires=requires)
    return find_plugin("echo")


def test_plugins_come_sorted_by_name_and_distribution(distributions):
    """The order is that of the names, whatever the order in which they were installed."""
    for distribution, plugin in (("zeta", "b"), ("beta", "c"), ("alpha", "b"), ("gamma", "a")):
        distributions.add(distribution, plugin=plugin)
    found = [(plugin.name, plugin.distribution) for plugin in ours(distributions)]
    assert found == [("a", "gamma"), ("b", "alpha"), ("b", "zeta"), ("c", "beta")]


def test_discovery_imports_no_plugin(distributions):
    """A plugin's name, distribution, version and contract are known although its import would fail."""
    module = distributions.add("echo", "raise RuntimeError", version="2.5")
    plugin = find_plugin("echo")
    assert (plugin.distribution, plugin.version, plugin.contract) == ("echo", "2.5", ">=0.1,<0.2")
    assert module not in sys.modules


def test_the_core_is_a_plugin_of_its_own(distributions):
    """The core is found under the name of the entry-point group, and admits itself."""
    core = find_plugin("fpt_plugins")
    assert (core.distribution, core.version) == ("fpt-plugins", __version__)
    core.check_contract()


def test_a_distribution_found_twice_counts_once(distributions, tmp_path, monkeypatch):
    """Of an editable install and its build, the first on the path is the one that is listed."""
    distributions.add("echo", version="1.0")
    second = tmp_path / "second"
    second.mkdir()
    monkeypatch.syspath_prepend(second)
    type(distributions)(second).add("echo", version="1.1")
    assert [plugin.version for plugin in installed_plugins() if plugin.name == "echo"] == ["1.1"]


@pytest.mark.parametrize("spelling", ["fpt-plugins", "fpt_plugins", "FPT.Plugins", "Fpt--Plugins"])
def test_the_requirement_is_known_in_every_spelling(distributions, spelling):
    """PEP 503 makes these one name."""
    assert contract(distributions, f"{spelling}>=0.1,<0.2").contract == ">=0.1,<0.2"


def test_all_requirements_that_apply_count(distributions):
    """Bounds on several lines hold together; one for an extra, or another Python, is none."""
    plugin = contract(
        distributions,
        "fpt-plugins>=0.1",
        "fpt-plugins<0.3; python_version >= '3'",
        "fpt-plugins>=7; extra == 'new'",
        "fpt-plugins>=8; python_version < '3'",
        "fpt-plugins-extra>=9",
    )
    assert plugin.contract == ">=0.1,<0.3"


@pytest.mark.parametrize(
    ("bounds", "core", "upgrade"),
    [
        (">=0.1,<0.2", "0.1.0", None),
        (">=0.1,<0.2", "0.1.7", None),
        (">=0.1,<0.2", "0.2.0", "echo"),
        (">=0.1,<0.2", "0.0.9", "fpt-plugins"),
        (">=0.1,<0.3", "0.2.0.dev1", None),
        (">=0.1,<0.2", "0.2.0.dev1", "echo"),
        (">=0.2,<0.3", "0.2.0rc1", "fpt-plugins"),
        (">=0.2.0rc1,<0.3", "0.2.0rc1", None),
        ("==0.1.*", "0.2.0", "echo"),
        ("==0.3.*", "0.2.0", "fpt-plugins"),
        ("~=0.1.0", "0.2.0", "echo"),
        ("~=0.3", "0.2.0", "fpt-plugins"),
        ("===0.1.0", "0.2.0", "echo"),
        ("!=0.1.0", "0.1.0", "echo"),
        (">0.1.0", "0.1.0", "fpt-plugins"),
        ("", "4.0", None),
    ],
)
def test_a_contract_that_does_not_fit_is_refused_with_what_to_upgrade(distributions, bounds, core, upgrade):
    """Expected by hand from PEP 440: an older core is upgraded, else the plugin's own distribution."""
    plugin = contract(distributions, f"fpt-plugins{bounds}")
    if upgrade is None:
        plugin.check_contract(core)
        return
    with pytest.raises(PluginError, match=r"'echo' of echo 1\.0 is written for") as refusal:
        plugin.check_contract(core)
    assert core in refusal.value.message
    assert refusal.value.remedy == f"upgrade {upgrade}"


def test_the_line_that_is_missing_admits_this_core(distributions):
    """A plugin without a requirement is refused with a line that, once added, makes it fit."""
    with pytest.raises(PluginError, match="does not say which versions") as refusal:
        contract(distributions, "numpy>=1").check_contract()
    line = refusal.value.remedy.split('"')[1]
    major, minor = Version(__version__).release[:2]
    assert line == f"fpt-plugins>={major}.{minor},<{major}.{minor + 1}"


def test_two_distributions_of_one_name_clash(distributions):
    """The refusal names both with their versions, and the addresses that tell them apart."""
    distributions.add("first-bits", plugin="twin", version="1.0")
    distributions.add("other-bits", plugin="twin", version="0.3")
    with pytest.raises(PluginError, match=r"first-bits 1\.0 and other-bits 0\.3") as refusal:
        find_plugin("twin")
    assert "first-bits:twin or other-bits:twin" in refusal.value.remedy
    assert find_plugin("Other_Bits:twin").version == "0.3"


def test_an_unknown_plugin_offers_the_nearest(distributions):
    """A misspelt name is answered with the installed one that it resembles."""
    distributions.add("echo")
    with pytest.raises(UnknownName, match="did you mean echo"):
        find_plugin("ecko")
    with pytest.raises(UnknownName):
        find_plugin("other-distribution:echo")


@pytest.mark.parametrize(
    "text", [b"[console_scripts]\nno equals sign\n", b"\xff\xfe[fpt_plugins]\n", b"[fpt_plugins]\nx\n"]
)
def test_a_damaged_distribution_harms_no_other(distributions, text):
    """Entry points that cannot be read are passed over, and the plugins beside them are found."""
    distributions.add("echo")
    distributions.add("damaged")
    (distributions.folder / "damaged-1.0.dist-info" / "entry_points.txt").write_bytes(text)
    assert [plugin.name for plugin in ours(distributions)] == ["echo"]


def test_a_distribution_without_metadata_is_refused_and_not_a_crash(distributions):
    """What a broken uninstallation leaves has no version and no contract."""
    distributions.add("echo")
    (distributions.folder / "echo-1.0.dist-info" / "METADATA").unlink()
    with pytest.raises(PluginError, match="does not say"):
        find_plugin("echo").check_contract()


def test_a_requirement_that_cannot_be_read_is_no_contract(distributions):
    """A line that breaks PEP 508 does not stop discovery."""
    assert contract(distributions, "fpt-plugins >>> 1").contract is None
