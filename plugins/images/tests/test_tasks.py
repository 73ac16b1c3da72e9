"""What the tasks declare, against the paper's table of parameters, and how options are checked."""

import pickle
import subprocess
import sys

import pytest

from fpt_images import hooks
from fpt_images.tasks import Cifar10, Cifar10Lra, Digits, Folder, Mnist
from fpt_plugins import ConfigurationError, Last, Mean
from fpt_plugins import options as task_options


def test_the_five_names():
    """The hook provides the tasks under their names."""
    names = [task.name for task in hooks.fpt_tasks()]
    assert names == ["images/cifar10", "images/cifar10-lra", "images/digits", "images/folder", "images/mnist"]


@pytest.mark.parametrize(
    ("task", "input_weights", "positions"),
    [
        (Mnist(), 13_056, 49_152),
        (Mnist(size=28), 13_056, 37_632),
        (Cifar10(grayscale=True), 13_056, 49_152),
        (Cifar10(), 37_632, 49_152),
        (Cifar10Lra(), 1_536, 786_432),
    ],
    ids=["MNIST, paper", "MNIST, code", "CIFAR-10, paper", "CIFAR-10, code", "C10-LRA"],
)
def test_the_papers_parameters(task, input_weights, positions):
    """Width and length give the paper's input and position parameters on GPT-2 base (768 wide)."""
    assert (task.sequence.width + 1) * 768 == input_weights
    assert task.sequence.max_length * 768 == positions
    assert task.target.size * 768 == 7_680


def test_the_papers_recipe():
    """The paper's tasks train at its learning rate and batch size; the digits as the demo does."""
    for task in (Mnist(), Cifar10(), Cifar10Lra()):
        assert (task.recipe.lr, task.recipe.batch_size, task.recipe.dropout) == (1e-3, 16, 0.1)
    assert (Digits().recipe.steps, Digits().recipe.batch_size, Digits().recipe.lr) == (400, 32, 1e-3)


def test_readouts():
    """The last position as in the paper, or the mean of all."""
    assert Digits().readout == Last(1)
    assert Digits(pooling="mean").readout == Mean()


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (Digits, {"patch": "3"}, "patch 3 does not divide the 8 pixels of a side"),
        (Mnist, {"patch": "0"}, "patch"),
        (Mnist, {"size": "30"}, "size"),
        (Mnist, {"size": "28", "patch": "8"}, "patch 8 does not divide the 28 pixels"),
        (Cifar10, {"variant": "papers"}, "variant=papers is not one of corrected, paper"),
        (Cifar10, {"pooling": "first"}, "pooling=first is not one of last, mean"),
        (Cifar10, {"data_seed": "-1"}, "data_seed"),
        (Folder, {"held_out": "0.5"}, "held_out"),
        (Folder, {"size": "33"}, "patch 4 does not divide the 33 pixels"),
    ],
)
def test_options_that_cannot_be_are_refused(task, options, message):
    """From the words of a command line, a value that does not fit is a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError) as caught:
        task_options.build(task, options, owner=task.name)
    assert message in str(caught.value)


@pytest.mark.parametrize("task", hooks.fpt_tasks())
def test_options_are_words_with_help(task):
    """Every option has a help text, and its recorded values build an equal task."""
    assert all(option.help for option in task_options.describe(task))
    made = task_options.build(task, {}, owner=task.name)
    assert task_options.build(task, task_options.values(made), owner=task.name) == made
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 # our own


def test_listing_imports_nothing_heavy():
    """Importing the hooks and asking for the tasks imports no torch, NumPy, Pillow or scikit-learn."""
    code = (
        "import sys; from fpt_images import hooks; hooks.fpt_tasks();"
        "print([name for name in ('torch', 'numpy', 'PIL', 'sklearn') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
