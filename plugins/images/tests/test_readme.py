"""The README says what is so."""

import doctest
from pathlib import Path

from attrs import fields_dict

from fpt_images.hooks import fpt_tasks

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_give_what_they_print():
    """Every Python example of the README, run again, prints what stands there."""
    found = doctest.testfile(str(README), module_relative=False)
    assert (found.failed, found.attempted) == (0, 8)


def test_every_task_and_option_is_described():
    """Each task's name and each of its options stands in the README."""
    text = README.read_text(encoding="utf-8")
    for task in fpt_tasks():
        assert f"`{task.name}`" in text or f"`{task.name.removeprefix('images/')}`" in text
        for name, field in fields_dict(task).items():
            assert f"`{name}`" in text or not field.metadata.get("option", True)
