"""The five hooks are documented with their exact signatures, and each does what its page says."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import fpt_plugins
from fpt_plugins import hookspecs
from fpt_plugins.loading import HOOKS
from fpt_plugins.plugins import Plugins, find_backbone

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "hooks.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def code_of(hook):
    """The Python blocks of a hook's section: its signature, then its example."""
    return re.findall(r"```python\n(.*?)```", SECTIONS[hook], flags=re.DOTALL)


def test_the_page_has_every_hook_and_no_other():
    """One section each, in the order of the contract."""
    assert tuple(SECTIONS) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hooks_signature_is_the_pages(hook):
    """Arguments, their types and the return type are those of the specification, to the letter."""
    (documented,) = ast.parse(code_of(hook)[0]).body
    (specified,) = ast.parse(inspect.getsource(getattr(hookspecs, hook))).body
    assert documented.name == hook
    assert ast.unparse(documented.args) == ast.unparse(specified.args)
    assert ast.unparse(documented.returns) == ast.unparse(specified.returns)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_section_says_all_that_an_author_needs(hook):
    """Arguments, what is returned, and an example that implements this hook."""
    assert "**Arguments**" in SECTIONS[hook]
    assert "**Returns**" in SECTIONS[hook]
    (example,) = [node for node in ast.parse(code_of(hook)[1]).body if isinstance(node, ast.FunctionDef)]
    assert example.name == hook
    assert [argument.arg for argument in example.args.args] == list(
        inspect.signature(getattr(hookspecs, hook)).parameters
    )


PREAMBLE = """
from fpt_plugins import BackboneSpec, Classes, Last, Recipe, Sequences, Task, Vectors, accuracy, hookimpl


class Parity(Task):
    name = "wav/parity"
    summary = "whether the number of ones is odd"
    recipe = Recipe(steps=10, batch_size=4, lr=1e-3)
    sequence = Vectors(width=2, max_length=8)
    readout = Last()
    target = Classes(("even", "odd"))
    metrics = (accuracy,)

    def split(self, name): raise NotImplementedError
    def floors(self, split): return ()
    def parse(self, value): return value
    def read(self, path): return iter(())
    def tokenize(self, sample): return [[sample, 0]] * 3


def build_tiny(spec, request):
    raise NotImplementedError

"""


@pytest.fixture
def documented(distributions):
    """A plugin that is the page's five examples and nothing else."""
    distributions.add("wav", PREAMBLE + "\n\n".join(code_of(hook)[1] for hook in HOOKS), plugin="wav")
    plugins = Plugins.for_task("wav/parity")
    return plugins, plugins.task_class()


def test_fpt_tasks_answers_for_its_prefix(documented):
    """The example's task is found by its name."""
    assert documented[0].task_class.name == "wav/parity"


def test_fpt_backbones_answers_for_its_prefix(documented):
    """The example's spec is found as ``plugin:name``."""
    assert find_backbone("wav:tiny").summary == "two blocks"


def test_fpt_tokenize_gives_a_ragged_batch(documented):
    """Two samples of the example become two sequences of three vectors."""
    plugins, task = documented
    assert plugins.tokenize(task, [1, 2]).lengths.tolist() == [3, 3]


def test_fpt_input_embedding_answers_before_the_core(documented):
    """The example's module is taken, and maps ``[B, T, width]`` to ``[B, T, D]``."""
    plugins, task = documented
    module = plugins.input_embedding(task, 16)
    assert isinstance(module[1], nn.LayerNorm)
    assert module(torch.zeros(4, 3, 2)).shape == (4, 3, 16)


def test_fpt_output_head_answers_before_the_core(documented):
    """The example's module is taken, and maps ``[B, 1, D]`` to ``[B, 2]``."""
    plugins, task = documented
    assert plugins.output_head(task, 16)(torch.zeros(4, 1, 16)).shape == (4, 2)


def test_hooks_that_nobody_answers_are_the_cores(distributions, healthy_plugin):
    """``None``, and no implementation at all, leave both modules to the core."""
    source = "\n\n@hookimpl\ndef fpt_input_embedding(task, embed_dim):\n    return None\n"
    distributions.add("quiet", healthy_plugin("quiet") + source)
    plugins = Plugins.for_task("quiet/echo")
    task = plugins.task_class()
    assert isinstance(plugins.input_embedding(task, 16), nn.Embedding)
    assert isinstance(plugins.output_head(task, 16)[0], nn.Linear)


def test_every_name_of_the_page_is_public():
    """What the page calls ``fpt_plugins.NAME`` is one of its public names."""
    named = set(re.findall(r"fpt_plugins\.([A-Za-z_]+)", PAGE))
    assert named <= set(fpt_plugins.__all__)
