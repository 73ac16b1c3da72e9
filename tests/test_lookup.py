"""Tasks and backbones by name: what is found, what is refused, and what is offered instead."""

import pytest

from fpt_plugins import FptError, PluginError, UnknownName
from fpt_plugins.plugins import Plugins, find_backbone, named_plugin


@pytest.fixture
def echo(distributions, healthy_plugin):
    """Installs the plugin ``echo``, whose task is ``echo/echo``."""
    return lambda: distributions.add("echo-package", healthy_plugin("echo"), plugin="echo", version="1.4")


def test_a_clash_is_refused_and_an_address_settles_it(echo, distributions, healthy_plugin):
    """A task of two distributions is refused by its bare name and found by either address."""
    echo()
    distributions.add("other-echo", healthy_plugin("echo"), plugin="echo", version="0.3")
    with pytest.raises(PluginError, match=r"echo-package 1\.4 and other-echo 0\.3"):
        Plugins.for_task("echo/echo")
    for address, version in (("echo-package", "1.4"), ("other-echo", "0.3")):
        plugins = Plugins.for_task(f"{address}:echo/echo")
        assert plugins.versions == {"echo": {"distribution": address, "version": version}}
        assert plugins.task_class.__module__ == address.replace("-", "_")


def test_a_failed_plugin_is_raised_where_its_task_is_asked_for(distributions):
    """The original exception is the cause."""
    distributions.add("echo", "raise OSError('no device')")
    with pytest.raises(PluginError, match="no device") as error:
        Plugins.for_task("echo/echo")
    assert isinstance(error.value.__cause__, OSError)


@pytest.mark.parametrize("name", ["echo/ecko", "ecko/echo", "echo", "other-package:echo/echo"])
def test_an_unknown_task_offers_the_nearest(echo, name):
    """Near names come from all installed plugins."""
    echo()
    with pytest.raises(UnknownName, match="did you mean echo/echo") as error:
        Plugins.for_task(name)
    assert error.value.name == name


@pytest.mark.parametrize(("name", "wrappers"), [("absent/task", []), ("echo/echo", ["absent"])])
def test_what_is_not_installed_comes_with_its_install_line(echo, tmp_path, monkeypatch, name, wrappers):
    """For a task, a wrapper, a plugin or a backbone of a card, with the distribution and its own command."""
    card = """
    name = "absent"
    distribution = "fpt-absent"
    summary = "a plugin that is not installed"
    license = "MIT"
    install = "pip install ./plugins/absent"
    tasks = ["absent/task"]
    """
    (tmp_path / "registry" / "plugins").mkdir(parents=True)
    (tmp_path / "registry" / "plugins" / "absent.toml").write_text(card)
    monkeypatch.setattr("fpt_plugins.registry.root", lambda: tmp_path / "registry")
    echo()
    for ask in (
        lambda: Plugins.for_task(name, wrappers),
        lambda: named_plugin("absent"),
        lambda: find_backbone("absent:body"),
    ):
        with pytest.raises(UnknownName) as error:
            ask()
        assert error.value.remedy == "it comes with fpt-absent: pip install ./plugins/absent"


def test_every_error_of_a_plugin_is_one_of_ours(distributions):
    """The command line prints these without a traceback."""
    distributions.add("echo", "raise SystemExit")
    with pytest.raises(FptError):
        Plugins.for_task("echo/echo")


BACKBONES = """
from fpt_plugins import BackboneFamily, BackboneSpec, InputError, hookimpl

def spec(name, summary="small"):
    return BackboneSpec(name=name, summary=summary, source="-", build=print)

def place(words):
    if words == "nowhere":
        raise InputError("there is no such place")
    return spec("outsider:files:" + words, summary=words.split("=")[1])

@hookimpl
def fpt_backbones():
    return [spec("outsider:tiny"), BackboneFamily(prefix="outsider:files", summary="", spec=place)]
"""


def test_a_built_in_backbone_is_found_by_name():
    """The spec of ``gpt2`` has the sizes of the published model."""
    spec = find_backbone("gpt2")
    assert (spec.name, spec.layers, spec.embed_dim, spec.max_length) == ("gpt2", 12, 768, 1024)


def test_a_family_answers_for_a_place(tmp_path):
    """``hf:FOLDER`` reaches the core's family, which refuses an empty folder itself."""
    with pytest.raises(FptError) as error:
        find_backbone(f"hf:{tmp_path}")
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("prefix", ["", "outsider-package:"])
def test_an_outsiders_backbone_is_found_with_its_plugins_name(distributions, prefix):
    """``plugin:name`` and ``distribution:plugin:name`` are the same spec, and a family takes the rest."""
    distributions.add("outsider-package", BACKBONES, plugin="outsider")
    assert find_backbone(f"{prefix}outsider:tiny").name == "outsider:tiny"
    assert find_backbone(f"{prefix}outsider:files:a=b:c").summary == "b:c"


def test_a_failing_family_is_named(distributions):
    """What is ours goes through, and anything else names the plugin that raised it."""
    distributions.add("outsider", BACKBONES)
    with pytest.raises(FptError, match=r"^there is no such place$"):
        find_backbone("outsider:files:nowhere")
    with pytest.raises(PluginError, match=r"'outsider' of outsider 1\.0 failed on .*files:x: IndexError"):
        find_backbone("outsider:files:x")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("gtp2-mini", "gpt2-mini"), ("outsider:tinny", "outsider:tiny"), ("outsidr:tiny", "outsider:tiny")],
)
def test_an_unknown_backbone_offers_the_nearest(distributions, name, nearest):
    """Near names come from the core and from all installed plugins."""
    distributions.add("outsider", BACKBONES)
    with pytest.raises(UnknownName) as error:
        find_backbone(name)
    assert error.value.remedy.startswith(f"did you mean {nearest}")
