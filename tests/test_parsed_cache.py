"""What was parsed once is kept in a folder of our own, and believed only while it is whole."""

import h5py
import numpy as np
import pytest

from fpt_plugins import cached_arrays

ARRAYS = {
    "ids": np.arange(2000, dtype=np.uint8),
    "ends": np.array([700, 2000], dtype=np.int64),
    "names": np.array([b"one", b"three"]),
}
KEY = {"plugin": "mine", "reader": "table 1", "sha256": "ab" * 32}


class Parser:
    """Counts how often the file itself is read."""

    def __init__(self, arrays=ARRAYS):
        self.reads, self.arrays = 0, arrays

    def __call__(self):
        self.reads += 1
        return self.arrays


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache's folder, not made yet."""
    monkeypatch.setenv("FPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def kept(cache):
    """The file of one earlier reading."""
    cached_arrays(Parser(), **KEY)
    (path,) = (cache / "parsed" / "mine").iterdir()
    return path


def same(found, expected):
    """Whether names, types and elements agree."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    return True


def test_the_second_time_the_file_is_not_parsed(kept):
    """What an earlier reading kept is the same arrays, types included."""
    parser = Parser()
    assert same(cached_arrays(parser, **KEY), ARRAYS)
    assert parser.reads == 0


@pytest.mark.parametrize(
    ("name", "other"), [("plugin", "other"), ("reader", "table 2"), ("sha256", "cd" * 32)]
)
def test_another_file_reader_or_plugin_is_parsed_anew(kept, name, other):
    """What is kept counts for one plugin, one reader's version and one file's SHA-256."""
    parser = Parser({"labels": np.zeros(1)})
    assert same(cached_arrays(parser, **KEY | {name: other}), parser.arrays)


def test_what_was_kept_for_another_file_is_not_believed(kept):
    """A whole file under another's name is not taken for it."""
    other = KEY | {"sha256": "cd" * 32}
    cached_arrays(Parser({"labels": np.zeros(1)}), **other)
    (stranger,) = set(kept.parent.iterdir()) - {kept}
    stranger.replace(kept)
    assert same(cached_arrays(Parser(), **KEY), ARRAYS)


def change(path, damage):
    with h5py.File(path, "a") as file:
        if damage == "element":
            file["ids"][7] += 1
        else:
            del file["ends"]
        if damage == "type":
            file["ends"] = ARRAYS["ends"].astype(np.int32)
        elif damage == "group":
            file.create_group("ends")
        elif damage == "link to nothing":
            file["ends"] = h5py.SoftLink("/nothing")


@pytest.mark.parametrize("damage", ["element", "no array", "type", "group", "link to nothing"])
def test_a_changed_content_is_not_believed(kept, damage):
    """An element or an array that is not what was written: the file is parsed again, and kept."""
    change(kept, damage)
    parser = Parser()
    assert same(cached_arrays(parser, **KEY), ARRAYS)
    assert same(cached_arrays(parser, **KEY), ARRAYS)
    assert parser.reads == 1


@pytest.mark.parametrize("part", range(20))
def test_a_damaged_or_cut_off_file_is_not_believed(kept, part):
    """Whichever byte is changed and wherever the file is cut, the arrays are those of the source."""
    whole = kept.read_bytes()
    place = len(whole) * part // 20
    for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]):
        kept.write_bytes(damaged)
        assert same(cached_arrays(Parser(), **KEY), ARRAYS)


def test_a_parser_that_refuses_leaves_nothing_behind(cache):
    """What the parser raises is raised, and nothing is kept."""

    def refuse():
        raise ValueError("line 3")

    with pytest.raises(ValueError, match="line 3"):
        cached_arrays(refuse, **KEY)
    assert not cache.exists()


def test_a_full_disk_costs_the_time_alone(cache, monkeypatch):
    """Where nothing can be kept (a full disk, simulated) the arrays come, and nothing half done stays."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.File, "create_dataset", full)
    assert same(cached_arrays(Parser(), **KEY), ARRAYS)
    assert list((cache / "parsed" / "mine").iterdir()) == []


def test_a_place_that_is_taken_costs_the_time_alone(tmp_path, monkeypatch):
    """Where the cache's place is taken by a file the arrays come all the same."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FPT_CACHE", str(tmp_path / "file"))
    assert same(cached_arrays(Parser(), **KEY), ARRAYS)


def test_without_a_folder_of_ones_own_it_is_in_the_home(tmp_path, monkeypatch):
    """Without ``$FPT_CACHE`` what is kept is under ``~/.cache/fpt-plugins``, outside the data root."""
    monkeypatch.delenv("FPT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    cached_arrays(Parser(), **KEY)
    assert len(list((tmp_path / ".cache" / "fpt-plugins" / "parsed" / "mine").glob("*.h5"))) == 1
