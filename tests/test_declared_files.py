"""What a task says it reads is what it reads: on that the kept tokens stand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fpt_plugins import options
from fpt_plugins.plugins import Plugins
from fpt_plugins.task import SPLITS

WATCHED = []
"""The folders that the hook below looks at; an audit hook cannot be removed, but it can be told to rest."""
OPENED = set()


def note(event, arguments):
    if WATCHED and event == "open" and isinstance(arguments[0], str | Path):
        path = Path(arguments[0]).absolute()
        OPENED.update({path} if any(path.is_relative_to(folder) for folder in WATCHED) else ())


@pytest.fixture(scope="module", autouse=True)
def _hook():
    sys.addaudithook(note)


def pictures(folder):
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{number}.png")
    return {"path": str(folder / "pictures"), "held_out": 0.2, "size": 8}


def proteins(folder):
    letters = ["".join(np.random.default_rng(n).choice(list("ACDEFGHIK"), 9)) for n in range(20)]
    (folder / "p.fasta").write_text("".join(f">p{n}\n{row}\n" for n, row in enumerate(letters)))
    (folder / "p.tsv").write_text("id\tlabel\n" + "".join(f"p{n}\t{'ab'[n % 2]}\n" for n in range(20)))
    return {"fasta": str(folder / "p.fasta"), "labels": str(folder / "p.tsv"), "held_out": 0.2}


def expressions(_):
    sizes = dict.fromkeys(("train_size", "validation_size", "test_size"), 5)
    return {"min_length": 5, "max_length": 50, **sizes}


@pytest.mark.parametrize(
    ("name", "given", "at_least"),
    [
        ("images/folder", pictures, 20),
        ("proteins/fasta", proteins, 2),
        ("listops/lra", expressions, 1),
        ("bits/xor", lambda _: {}, 0),
        ("images/digits", lambda _: {}, 0),
    ],
)
def test_a_split_reads_no_other_file_than_it_declares(tmp_path, name, given, at_least):
    """Of the user's files and the data root each split opens those of ``files``, and no other."""
    settings = given(tmp_path)
    plugins, seen = Plugins.for_task(name), set()
    for split in SPLITS:
        task = options.build(plugins.task_class, settings, owner=name, data_root=tmp_path / "root")
        OPENED.clear()
        WATCHED.append(tmp_path)
        try:
            data_set = task.split(split)
            [data_set[index] for index in range(len(data_set))]
        finally:
            WATCHED.clear()
        declared = set(task.files(split))
        made = {path for path in OPENED if ".generating-" in str(path) or path.name == "generated.json"}
        assert OPENED - made <= declared, "ListOps writes its tables, and a record of their digests, itself"
        seen |= OPENED & declared
        assert len(declared) >= at_least
        assert all(path.is_file() for path in declared)
    assert len(seen) >= at_least
