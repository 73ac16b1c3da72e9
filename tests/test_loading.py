"""One plugin at a time: what keeps the contract is registered whole, what breaks it not at all."""

import pytest

from fpt_plugins import PluginError
from fpt_plugins.discovery import find_plugin
from fpt_plugins.hookspecs import hookimpl
from fpt_plugins.loading import HOOKS, load, new_manager

TOKENIZE = "from fpt_plugins import hookimpl\n@hookimpl\ndef fpt_tokenize(task, samples): ...\n"


def load_source(distributions, source, manager=None):
    """Load the plugin ``echo`` with this source."""
    distributions.add("echo-package", source, plugin="echo", version="1.4")
    return load(find_plugin("echo"), manager or new_manager())


def refused(distributions, source):
    """The error of the plugin ``echo`` with this source, which must leave nothing registered."""
    manager = new_manager()
    with pytest.raises(PluginError) as refusal:
        load_source(distributions, source, manager)
    assert manager.get_plugins() == set()
    assert all(not caller.get_hookimpls() for caller in map(manager.hook.__getattribute__, HOOKS))
    assert "'echo' of echo-package 1.4" in refusal.value.message
    return refusal.value


def test_the_hooks_are_the_five_of_the_contract():
    """The names are those of the design's table."""
    expected = {"fpt_tasks", "fpt_backbones", "fpt_tokenize", "fpt_input_embedding", "fpt_output_head"}
    assert set(HOOKS) == expected


def test_a_plugin_that_keeps_the_contract_is_loaded(distributions, healthy_plugin):
    """Its hooks and its tasks are known by name."""
    loaded = load_source(distributions, healthy_plugin("echo"))
    assert loaded.hooks == ("fpt_tasks", "fpt_tokenize")
    assert [(name, task.__name__) for name, task in loaded.tasks.items()] == [("echo/echo", "Echo")]
    assert loaded.backbones == {}


@pytest.mark.parametrize(
    ("source", "cause", "reason"),
    [
        ("import no_such_module", ModuleNotFoundError, "No module named 'no_such_module'"),
        ("1 / 0", ZeroDivisionError, "division by zero"),
        ("def broken(:", SyntaxError, "SyntaxError"),
        ("raise SystemExit(3)", SystemExit, "SystemExit: 3"),
        ("", PluginError, "implements no hook"),
        (TOKENIZE.replace("samples", "sample"), Exception, "Argument(s) {'sample'}"),
    ],
)
def test_a_plugin_that_cannot_be_imported_says_why(distributions, source, cause, reason):
    """The original exception is the cause, and its text stands in the message."""
    error = refused(distributions, source)
    assert isinstance(error.__cause__, cause)
    assert reason in error.message


def test_an_interruption_is_not_the_plugins_fault(distributions):
    """Ctrl-C during an import goes through as it is."""
    with pytest.raises(KeyboardInterrupt):
        load_source(distributions, "raise KeyboardInterrupt")


def test_a_misspelt_hook_offers_the_nearest(distributions):
    """An implementation of no known hook is refused with the hook that was meant."""
    error = refused(distributions, TOKENIZE + "@hookimpl\ndef fpt_taks(): return []\n")
    assert "there is no hook 'fpt_taks'" in error.message
    assert error.remedy.startswith("did you mean fpt_tasks")


def test_a_hook_of_another_release_may_be_optional(distributions):
    """The mark of pluggy for hooks that a host may lack is respected."""
    source = TOKENIZE + "@hookimpl(optionalhook=True)\ndef fpt_later(): ...\n"
    assert "fpt_tokenize" in load_source(distributions, source).hooks


@pytest.mark.parametrize(
    ("change", "reason", "remedy"),
    [
        (('name = "echo/echo"', 'name = "ecko/echo"'), "named 'ecko/echo'", "name it echo/NAME"),
        (('name = "echo/echo"', 'name = "echo/"'), "named 'echo/'", "name it echo/NAME"),
        (('name = "echo/echo"', ""), "named None", "name it echo/NAME"),
        (("[Echo]", "[Echo, Echo]"), "echo/echo more than once", ""),
        (("[Echo]", "[Echo()]"), "no subclass of fpt_plugins.Task", ""),
        (("[Echo]", "[dict]"), "no subclass of fpt_plugins.Task", ""),
        (("[Echo]", "Echo"), "not iterable", ""),
        (("def split(", "def slit("), "echo/echo does not define: split", ""),
        (("default=3, ", ""), "the option symbols of its task echo/echo has no default", ""),
        (("def fpt_tokenize", "def tokenize"), "no hook 'tokenize'", ""),
        (("    return [Echo]", "    raise SystemExit"), "SystemExit", ""),
    ],
)
def test_tasks_that_break_the_contract_are_refused(distributions, healthy_plugin, change, reason, remedy):
    """One defect each, in an otherwise healthy plugin."""
    error = refused(distributions, healthy_plugin("echo").replace(*change))
    assert reason in error.message
    assert remedy in error.remedy


def test_tasks_need_their_tokenizer(distributions, healthy_plugin):
    """A plugin that provides tasks without a tokenizer is refused."""
    source, _ = healthy_plugin("echo").rsplit("@hookimpl", 1)
    assert "does not implement fpt_tokenize" in refused(distributions, source).message


BACKBONES = """
from fpt_plugins import BackboneFamily, BackboneSpec, hookimpl
def spec(name): return BackboneSpec(name=name, summary="", source="-", build=print)
def family(prefix): return BackboneFamily(prefix=prefix, summary="", spec=spec)
@hookimpl
def fpt_backbones(): return [{}]
"""


@pytest.mark.parametrize("backbone", ["spec('echo:tiny')", "family('echo')", "family('echo:files')"])
def test_backbones_carry_their_plugins_name(distributions, backbone):
    """A backbone is ``plugin:name``, a family ``plugin:PLACE`` or ``plugin:family:PLACE``."""
    assert len(load_source(distributions, BACKBONES.format(backbone)).backbones) == 1


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        ("spec('tiny')", "named 'tiny'"),
        ("spec('echo')", "named 'echo'"),
        ("spec('echos:tiny')", "named 'echos:tiny'"),
        ("family('hf')", "named 'hf'"),
        ("3", "no BackboneSpec"),
        ("spec('echo:a'), spec('echo:a')", "echo:a more than once"),
    ],
)
def test_backbones_that_break_the_contract_are_refused(distributions, backbone, reason):
    """An outsider cannot take a built-in's name, nor one name twice."""
    assert reason in refused(distributions, BACKBONES.format(backbone)).message


def test_a_contract_that_does_not_fit_is_not_imported(distributions):
    """The version is checked before the module runs."""
    distributions.add("echo", "raise KeyboardInterrupt", requires=["fpt-plugins>=9"])
    with pytest.raises(PluginError, match=r"written for fpt-plugins >=9"):
        load(find_plugin("echo"), new_manager())


def test_a_failed_plugin_leaves_the_others_registered(distributions, healthy_plugin):
    """After a refusal the manager answers with the plugins that it had."""

    class Bystander:
        @hookimpl
        def fpt_tasks(self):
            return []

    manager = new_manager()
    manager.register(bystander := Bystander(), name="bystander")
    with pytest.raises(PluginError):
        load_source(distributions, healthy_plugin("echo") + "\n1 / 0", manager)
    assert manager.get_plugins() == {bystander}
