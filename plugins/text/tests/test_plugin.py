"""The package: its entry point and hooks, samples that people write, its documented examples."""

import doctest
import importlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import fpt_text.hooks
from fpt_plugins import ConfigurationError, InputError, build
from fpt_text.tasks import NAMES, Bytes

README = Path(__file__).parents[1] / "README.md"


def test_the_entry_point_is_found():
    """The distribution registers its hooks as 'text', which is the prefix of its task's name."""
    (entry,) = entry_points(group="fpt_plugins", name="text")
    assert entry.load() is fpt_text.hooks
    assert [task.name for task in fpt_text.hooks.fpt_tasks()] == ["text/bytes"]


def test_listing_imports_nothing_heavy():
    """Importing the hooks and making the task imports neither torch nor NumPy."""
    code = "import sys, fpt_text.hooks; [task() for task in fpt_text.hooks.fpt_tasks()]; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy"} & set(shown.stdout.split())


def test_a_token_is_a_byte():
    """Tokenized samples are the bytes themselves, joined, and 256 names are 256 different ones."""
    samples = [np.frombuffer(text, np.uint8) for text in (b"ab", b"\xff")]
    sequences = fpt_text.hooks.fpt_tokenize(Bytes(), samples)
    assert (sequences.values.tolist(), sequences.lengths.tolist()) == ([97, 98, 255], [2, 1])
    assert len(set(NAMES)) == 256
    assert [NAMES[byte] for byte in b"a \n\xe9"] == ["a", " ", "\\x0a", "\\xe9"]


def test_a_file_is_read_in_samples(tmp_path):
    """Runs of ``length`` bytes, each named by its place, together the file."""
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(1, 251)))
    found = list(Bytes(length=100).read(path))
    assert [name for name, _ in found] == ["a.txt:0", "a.txt:100", "a.txt:200"]
    assert b"".join(sample.tobytes() for _, sample in found) == path.read_bytes()


@pytest.mark.parametrize("value", ["text", {"text": 7}, {"text": "a", "x": 1}, {"text": "\ud800"}, None])
def test_what_is_no_text_is_refused(value):
    """A sample in JSON is one object with one string of Unicode."""
    with pytest.raises(InputError):
        Bytes().parse(value)


def test_a_body_that_looks_ahead_is_refused():
    """It would see the byte that it is asked for; one line says so."""
    with pytest.raises(ConfigurationError, match="predicts its own next token, and block-1 sees it already"):
        build("text/bytes", backbone="block-1", backbone_options={"causal": False})


def test_it_answers_with_the_bytes_that_follow():
    """One name for each byte of the text, that of the most probable next one."""
    arm = build("text/bytes", backbone="none", backbone_options={"width": 8}, device="cpu")
    (answer,) = arm.predict([arm.task.parse({"text": "abc"})])
    assert len(answer["classes"]) == 3
    assert set(answer["classes"]) <= set(NAMES)


@pytest.mark.parametrize("module", ["dataset", "passages", "tasks"])
def test_examples_in_docstrings_run(module):
    """Each example gives the output that is written below it."""
    assert doctest.testmod(importlib.import_module(f"fpt_text.{module}")).failed == 0


def test_examples_in_the_readme_run():
    """Each example gives the output that is written below it, and there are some."""
    result = doctest.testfile(str(README), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 3
