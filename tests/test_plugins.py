"""Who answers for a task in a run: its plugin, else the core, inside the wrappers that are named."""

import sys

import pytest
import torch

from fpt_plugins import InputError, PluginError, __version__
from fpt_plugins.plugins import Plugins

LINEAR = """
from torch import nn
from fpt_plugins import hookimpl
@hookimpl
def {hook}(task, embed_dim):
    return {returns}
"""

WRAPPER = """
from torch import nn
from fpt_plugins import hookimpl
@hookimpl(wrapper=True)
def fpt_input_embedding(task, embed_dim):
    return nn.Sequential((yield), nn.{module}())
"""


@pytest.fixture
def echo(distributions, healthy_plugin):
    """Installs the plugin ``echo``, with more source if wanted; its tasks are ``echo/echo``."""

    def install(more="", tokenize="return Sequences.of(samples)"):
        source = healthy_plugin("echo").replace("return Sequences.of(samples)", tokenize)
        distributions.add("echo-package", source + more, plugin="echo", version="1.4")

    return install


def run(wrappers=()):
    """The plugins of ``echo/echo`` and the task itself."""
    plugins = Plugins.for_task("echo/echo", wrappers)
    return plugins, plugins.task_class()


def test_a_task_is_found_by_name_with_where_it_comes_from(echo):
    """The class is the plugin's own, and the record names distribution and version."""
    echo()
    plugins, task = run()
    assert type(task).__name__ == "Echo"
    assert plugins.versions == {"echo": {"distribution": "echo-package", "version": "1.4"}}


def test_the_owner_tokenizes(echo):
    """The sequences are those of the plugin's own hook."""
    echo()
    plugins, task = run()
    sequences = plugins.tokenize(task, [[1, 2, 0], [2]])
    assert [sequence.tolist() for sequence in sequences] == [[1, 2, 0], [2]]


def test_the_core_answers_where_the_owner_does_not(echo):
    """Ids get a table of a row per symbol; the head is linear with an output per class."""
    echo()
    plugins, task = run()
    assert plugins.input_embedding(task, 5).weight.shape == (3, 5)
    assert plugins.output_head(task, 5)(torch.zeros(2, 1, 5)).shape == (2, 3)


@pytest.mark.parametrize("hook", ["fpt_input_embedding", "fpt_output_head"])
def test_the_owner_answers_before_the_core(echo, hook):
    """A module that the owner returns is the one that is built."""
    echo(LINEAR.format(hook=hook, returns="nn.Linear(7, embed_dim)"))
    plugins, task = run()
    assert getattr(plugins, hook.removeprefix("fpt_"))(task, 5).in_features == 7


def test_the_owner_answers_before_the_core_even_where_it_asks_to_be_last(echo):
    """Who owns a task is the core's to say, and no mark of pluggy's changes it."""
    source = LINEAR.format(hook="fpt_output_head", returns="nn.Linear(7, embed_dim)")
    echo(source.replace("@hookimpl", "@hookimpl(trylast=True)"))
    plugins, task = run()
    assert plugins.output_head(task, 5).in_features == 7


def test_an_owner_may_leave_one_task_to_the_core(echo):
    """``None`` from the owner is "not for this task"."""
    echo(LINEAR.format(hook="fpt_input_embedding", returns="None"))
    plugins, task = run()
    assert isinstance(plugins.input_embedding(task, 5), torch.nn.Embedding)


def test_what_is_merely_installed_is_not_imported(echo, distributions):
    """A bystander that would answer or wrap changes nothing: its module is never loaded."""
    echo()
    answering = distributions.add("answering", LINEAR.format(hook="fpt_input_embedding", returns="nn.ReLU()"))
    wrapping = distributions.add("wrapping", WRAPPER.format(module="ReLU"))
    plugins, task = run()
    assert isinstance(plugins.input_embedding(task, 5), torch.nn.Embedding)
    assert not {answering, wrapping} & set(sys.modules)


def test_a_wrapper_that_is_named_wraps_and_is_recorded(echo, distributions):
    """The core's embedding is inside the wrapper's module, and the record names both plugins."""
    echo()
    distributions.add("augment-package", WRAPPER.format(module="ReLU"), plugin="augment", version="0.2")
    plugins, task = run(["augment"])
    built = plugins.input_embedding(task, 5)
    assert [type(module).__name__ for module in built] == ["Embedding", "ReLU"]
    assert plugins.versions["augment"] == {"distribution": "augment-package", "version": "0.2"}


@pytest.mark.parametrize("names", [["relu", "tanh"], ["tanh", "relu"], ["tanh", "relu", "tanh"]])
def test_a_later_wrapper_is_outside_an_earlier_one(echo, distributions, names):
    """The order is that of the command line, a repetition counting once."""
    echo()
    distributions.add("relu", WRAPPER.format(module="ReLU"))
    distributions.add("tanh", WRAPPER.format(module="Tanh"))
    plugins, task = run(names)
    inner, outer = plugins.input_embedding(task, 5)
    assert type(outer).__name__.lower() == names[1]
    assert type(inner[1]).__name__.lower() == names[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            LINEAR.format(hook="fpt_output_head", returns="None"),
            "answers fpt_output_head and does not wrap it",
        ),
        (
            WRAPPER.format(module="ReLU") + LINEAR.format(hook="fpt_output_head", returns="None"),
            "does not wrap",
        ),
        ("from fpt_plugins import hookimpl\n@hookimpl\ndef fpt_backbones(): return []\n", "wraps none of"),
        ("raise OSError('no device')", "OSError: no device"),
    ],
)
def test_a_plugin_that_is_no_wrapper_is_refused(echo, distributions, source, reason):
    """Only a plugin all of whose answers about tasks are wrappers can be named with ``--with``."""
    echo()
    distributions.add("outsider", source)
    with pytest.raises(PluginError) as refusal:
        run(["outsider"])
    assert reason in refusal.value.message


def test_the_owner_is_no_wrapper_of_itself(echo):
    """Naming the task's own plugin with ``--with`` is refused with the flag to leave out."""
    echo()
    with pytest.raises(PluginError, match="leave out --with echo"):
        run(["echo"])


def test_a_refusal_of_the_plugin_goes_through_unchanged(echo):
    """An ``InputError`` from a hook is the user's to read as it is."""
    echo(tokenize="from fpt_plugins import InputError; raise InputError('sample 3 is empty')")
    plugins, task = run()
    with pytest.raises(InputError, match=r"^sample 3 is empty$"):
        plugins.tokenize(task, [[1]])


def test_any_other_failure_names_plugin_and_hook(echo):
    """An exception of a hook is the cause of an error that says whose hook it was."""
    echo(tokenize="return samples[7]")
    plugins, task = run()
    with pytest.raises(
        PluginError, match=r"'echo' of echo-package 1\.4 failed in fpt_tokenize: IndexE"
    ) as error:
        plugins.tokenize(task, [[1]])
    assert isinstance(error.value.__cause__, IndexError)


@pytest.mark.parametrize(
    ("owner", "wrapper", "culprit"),
    [
        ("1 / 0", "return (yield)", "echo"),
        ("nn.ReLU()", "1 / 0; yield", "outsider"),
        ("nn.ReLU()", "built = yield; return 1 / built", "outsider"),
        ("1 / 0", "try: yield\n    finally: pass", "echo"),
        ("1 / 0", "try: yield\n    except ZeroDivisionError: int('x')", "outsider"),
        ("nn.Linear(2, 1 / task)", "return (yield)", "echo"),
    ],
)
def test_a_failure_is_put_on_the_plugin_that_failed(echo, distributions, owner, wrapper, culprit):
    """Of owner and wrapper, the one in whose code the exception was raised is named."""
    echo(LINEAR.format(hook="fpt_output_head", returns=owner))
    body = f"@hookimpl(wrapper=True)\ndef fpt_output_head(task, embed_dim):\n    {wrapper}\n"
    distributions.add("outsider", "from fpt_plugins import hookimpl\n" + body)
    plugins, task = run(["outsider"])
    with pytest.raises(PluginError, match=rf"the plugin '{culprit}' of .* failed in fpt_output_head"):
        plugins.output_head(task, 5)


def test_a_failure_of_the_core_is_not_put_on_the_plugin(echo):
    """A width that torch refuses is refused in the core's own default."""
    echo()
    plugins, task = run()
    with pytest.raises(PluginError, match=f"'fpt_plugins' of fpt-plugins {__version__} failed in fpt_output"):
        plugins.output_head(task, "wide")


@pytest.mark.parametrize(
    ("hook", "source"),
    [
        ("fpt_tokenize", {"tokenize": "return samples"}),
        ("fpt_tokenize", {"tokenize": "return None"}),
        ("fpt_input_embedding", {"more": LINEAR.format(hook="fpt_input_embedding", returns="3")}),
    ],
)
def test_an_answer_of_another_kind_is_refused(echo, hook, source):
    """What is no ragged batch, or no module, is refused with the name of plugin and hook."""
    echo(**source)
    plugins, task = run()
    with pytest.raises(PluginError, match=rf"'echo' of echo-package 1\.4: {hook} gave"):
        plugins.tokenize(task, [[1]]) if hook == "fpt_tokenize" else plugins.input_embedding(task, 5)
