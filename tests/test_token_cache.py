"""Which runs find the tokens of an earlier one, and that they are the same."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from fpt_plugins import cache_folder, options, token_cache
from fpt_plugins import token_key as token_key_module
from fpt_plugins.data import read_split
from fpt_plugins.plugins import Plugins
from fpt_plugins.token_cache import open_split
from fpt_plugins.token_key import token_key

LINES = """
import attrs
from fpt_plugins import Classes, Every, Last, Recipe, Sequences, Task, TokenIds, hookimpl


@attrs.frozen(kw_only=True)
class Lines(Task):
    name = "lines/text"
    summary = "a line of digits: its last one, or each one's parity"
    recipe = Recipe(steps=1, batch_size=2, lr=1.0)
    metrics = ()
    sequence = TokenIds(vocabulary="0123456789", max_length=50)
    each: bool = attrs.field(default=False, metadata={"help": "each digit's parity"})
    fresh = frozenset({"test"})

    @property
    def readout(self):
        return Every() if self.each else Last()

    @property
    def target(self):
        return Classes("0123456789")

    def files(self, split):
        return None if split == "validation" else (self.data_root / "lines.txt",)

    def split(self, name):
        type(self).reads = getattr(type(self), "reads", 0) + 1
        path = self.data_root / "lines.txt"
        if not path.exists():
            path.write_text("123\\n45\\n")
        lines = [[int(digit) for digit in line] for line in path.read_text().split()]
        return [(line, [digit % 2 for digit in line] if self.each else line[-1]) for line in lines]

    def floors(self, split): return ()
    def parse(self, value): return value
    def read(self, path): return iter(())


@hookimpl
def fpt_tasks():
    return [Lines]


@hookimpl
def fpt_tokenize(task, samples):
    return Sequences.of(samples)
"""
WRAPPER = """
from fpt_plugins import hookimpl

@hookimpl(wrapper=True)
def fpt_tokenize(task, samples):
    return (yield)
"""


@pytest.fixture
def lines(distributions, tmp_path):
    """A function that opens a split of an installed plugin's task, and how often its source was read."""
    distributions.add("fpt-lines", LINES, plugin="lines")
    distributions.add("fpt-around", WRAPPER, plugin="around")
    root = tmp_path / "data"
    root.mkdir()
    (root / "lines.txt").write_text("31415\n926\n5\n35897\n")

    def opened(name="train", data_root=root, wrappers=(), source=False, **given):
        plugins = Plugins.for_task("lines/text", wrappers)
        task = options.build(plugins.task_class, given, owner="lines/text", data_root=data_root)
        plugins.task_class.reads = 0
        split = (read_split if source else open_split)(plugins, task, name, 0)
        return split, plugins.task_class.reads

    opened.root, opened.folder = root, distributions.folder
    return opened


def batch(split):
    """All samples in one batch."""
    whole = split.batch([(index, 0) for index in range(len(split))])
    return torch.cat([whole.tokens, whole.attention_mask, whole.targets.reshape(len(split), -1)], dim=1)


@pytest.mark.parametrize("held", [0, token_cache.HELD_BYTES])
@pytest.mark.parametrize("each", [False, True])
def test_the_second_run_reads_no_source(lines, each, held, monkeypatch):
    """From the file and from memory, both runs give the batches of a split that is made from its source."""
    monkeypatch.setattr(token_cache, "HELD_BYTES", held)
    (first, reads), (second, reads_again) = lines(each=each), lines(each=each)
    assert (reads, reads_again) == (1, 0)
    expected = batch(lines(each=each, source=True)[0])
    assert torch.equal(batch(first), expected)
    assert torch.equal(batch(second), expected)
    assert second.lengths.tolist() == [5, 3, 1, 5]


def test_place_and_time_of_the_data_do_not_count(lines, tmp_path):
    """The same bytes in another folder, written later, are served from the first folder's tokens."""
    lines()
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "lines.txt").write_bytes((lines.root / "lines.txt").read_bytes())
    assert lines(data_root=tmp_path / "moved")[1] == 0


def change_data(lines):
    (lines.root / "lines.txt").write_text("31415\n927\n5\n35897\n")  # of the same size


def change_code(lines):
    module = lines.folder / "fpt_lines.py"
    module.write_text(module.read_text().replace("digit % 2", "1 - digit % 2"))


def change_version(lines):
    metadata = lines.folder / "fpt_lines-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))


@pytest.mark.parametrize("change", [change_data, change_code, change_version])
def test_what_the_tokens_depend_on_counts(lines, change):
    """Other data of the same size, an edited plugin, and another version of it are tokenized anew."""
    lines()
    change(lines)
    assert [lines()[1] for _ in range(2)] == [1, 0]


def test_options_count(lines):
    """Another option is another split."""
    lines()
    assert lines(each=True)[1] == 1


@pytest.mark.parametrize("given", [{"name": "test"}, {"name": "validation"}, {"wrappers": ["around"]}])
def test_what_may_change_unseen_is_not_kept(lines, given):
    """Fresh samples, a split of unknown files, and what a wrapper touches are made anew, and not kept."""
    lines()
    before = cache_folder.kept()
    assert [lines(**given)[1] for _ in range(2)] == [1, 1]
    assert cache_folder.kept() == before


def test_what_was_generated_is_kept(lines, tmp_path):
    """Data that the first reading makes are in the key of what it keeps: the second reads nothing."""
    (tmp_path / "empty").mkdir()
    assert [lines(data_root=tmp_path / "empty")[1] for _ in range(2)] == [1, 0]


def only_file():
    (file,) = (cache_folder.cache_folder() / "tokens").rglob("*.h5")
    return file


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damage_is_one_line_and_another_reading(lines, capsys, damage):
    """A damaged file is named in one line and made anew with the same batches; the next run is quiet."""
    expected = batch(lines()[0])
    if damage == "cut":
        only_file().write_bytes(only_file().read_bytes()[:-100])
    else:
        with h5py.File(only_file(), "a") as file:
            file["values"][0] = 9
    split, reads = lines()
    said = capsys.readouterr().err
    assert said.startswith("the kept tokens of lines/text train are made anew: ")
    assert said.count("\n") == 1
    assert str(only_file()) in said
    assert reads == 1
    assert torch.equal(batch(split), expected)
    assert (lines()[1], capsys.readouterr().err) == (0, "")


def test_without_a_place_to_keep_it_the_split_is_held(lines, tmp_path, monkeypatch, capsys):
    """Where the cache's place is taken by a file, the batches come all the same, with a line that says so."""
    expected = batch(lines()[0])
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FPT_CACHE", str(tmp_path / "file"))
    assert torch.equal(batch(lines()[0]), expected)
    assert capsys.readouterr().err.startswith("the tokens of lines/text train are not kept: ")


def test_ids_are_kept_in_the_smallest_type(lines):
    """Ten symbols take one byte each on disk."""
    lines()
    with h5py.File(only_file()) as file:
        assert file["values"].dtype == np.uint8


def test_the_key_names_every_file_of_a_package():
    """The key of a plugin's split changes with any file of its package, and is the same when asked again."""
    plugins = Plugins.for_task("bits/xor")
    task = plugins.task_class()
    key = token_key(plugins.owner, task, "train")
    assert token_key(plugins.owner, task, "train") == key != token_key(plugins.owner, task, "test")


def test_compiled_code_is_no_part_of_the_key(tmp_path, monkeypatch):
    """What Python writes beside a package's code does not count, nor its half under another name."""
    package = tmp_path / "fpt_keyed"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    plugin = SimpleNamespace(entry_point=SimpleNamespace(module="fpt_keyed.hooks"))
    before = token_key_module._code(plugin)
    (package / "__pycache__" / "tasks.cpython-311.pyc.139872").write_bytes(b"half of it")
    assert token_key_module._code(plugin) == before != {}


def test_clearing_removes_what_is_listed_and_no_more(lines):
    """Kept files are listed with their sizes; clearing removes them and leaves what else is there."""
    lines()
    other = cache_folder.cache_folder() / "data.txt"
    other.write_text("mine")
    (listed,) = cache_folder.kept()
    assert (listed.kind, listed.size) == ("tokens", only_file().stat().st_size)
    assert cache_folder.clear() == listed.size
    assert (cache_folder.kept(), other.read_text()) == ([], "mine")
