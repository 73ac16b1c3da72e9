"""Where text comes from: files as a user has them, and what is no text."""

import pydoc_data.topics
from pydoc_data.topics import topics

import pytest

from fpt_plugins import InputError
from fpt_text.documents import language_reference, read_documents, read_text
from fpt_text.tasks import Bytes


def test_the_default_text_is_the_standard_librarys():
    """Every topic of ``help()``, byte for byte, in the order of their names."""
    assert language_reference() == [topics[name].encode() for name in sorted(topics)]
    assert sum(map(len, language_reference())) > 300_000


def test_a_file_is_its_bytes(tmp_path):
    """Nothing is decoded or changed: line ends, accents and control characters stay."""
    text = "Zwölf\r\n\tBoxkämpfer\x1b[0m".encode("latin-1")
    (tmp_path / "a.txt").write_bytes(text)
    assert read_documents(tmp_path / "a.txt", "*.md") == [text]


def test_a_folder_is_its_files_by_name(tmp_path):
    """Those below it that the pattern names, in the order of their paths; others are not read."""
    for place, text in {"b.txt": "b", "a/z.txt": "z", "a/y.txt": "y", "c.md": "c"}.items():
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert read_documents(tmp_path, "*.txt") == [b"y", b"z", b"b"]
    assert read_documents(tmp_path, "*.md") == [b"c"]


def test_the_task_says_which_files_it_reads(tmp_path):
    """Those of a folder that the pattern names; by default the module that holds the topics."""
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.md").write_text("b")
    assert Bytes(data_root=tmp_path, path=".").files("train") == [tmp_path / "a.txt"]
    assert [str(file) for file in Bytes().files("test")] == [pydoc_data.topics.__file__]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04\x00\x00", "byte 4: a zero byte: this is a binary file"),
        ("Text".encode("utf-16"), "byte 3: a zero byte: this is a binary file, or text in UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(tmp_path, content, message):
    """Empty, binary and UTF-16 files are named, with the first byte that is none of text."""
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_text(path)
    assert str(path) in error.value.where


def test_files_that_are_not_there_are_refused(tmp_path):
    """A missing file, and a folder without one that the pattern names."""
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file"):
        read_documents(tmp_path / "none.txt", "*.txt")
    with pytest.raises(InputError, match=r"no file named \*\.txt\n  say which"):
        read_documents(tmp_path, "*.txt")


def test_more_text_than_memory_holds_is_refused(tmp_path, monkeypatch):
    """Files are counted before one is read."""
    monkeypatch.setattr("fpt_text.documents.MOST_BYTES", 3)
    (tmp_path / "a.txt").write_text("four")
    with pytest.raises(InputError, match="4 bytes of text, where 3 are read"):
        read_documents(tmp_path, "*.txt")
