"""Conversions: made once per content, whole or not at all, and read from their own file alone."""

import hashlib

import h5py
import pytest

from fpt_proteins.conversion import converted
from fpt_proteins.proteins import Protein

PROTEINS = [Protein("one", "MKV", "0"), Protein("two", "ACDEFGHIKL", "1194")]


class Reader:
    """Counts how often the source itself is read."""

    def __init__(self, proteins=PROTEINS):
        self.reads, self.proteins = 0, proteins

    def __call__(self, place):
        self.reads += 1
        return iter(self.proteins)


@pytest.fixture
def source(tmp_path):
    """A file to be converted."""
    path = tmp_path / "train.json"
    path.write_text("content")
    return path


def conversion(source):
    (path,) = source.parent.glob("*.h5")
    return path


def test_the_second_time_the_source_is_not_read(source):
    """One conversion, named by the source's SHA-256, gives the same proteins."""
    reader = Reader()
    assert converted(source, source, reader) == PROTEINS
    assert converted(source, source, reader) == PROTEINS
    assert reader.reads == 1
    digest = hashlib.sha256(b"content").hexdigest()
    assert conversion(source).name == f"train.json.{digest[:16]}.h5"


def test_another_content_is_converted_anew(source):
    """A source that changed, even back to its old length, is read again."""
    converted(source, source, Reader())
    source.write_text("CONTENT")
    other = [Protein("three", "W", "7")]
    assert converted(source, source, Reader(other)) == other


@pytest.mark.parametrize("damage", ["cut off", "one bit", "no column", "other type", "empty"])
def test_a_damaged_conversion_is_made_anew(source, damage):
    """Whatever is wrong with the conversion, the proteins are those of the source."""
    converted(source, source, Reader())
    path = conversion(source)
    data = path.read_bytes()
    if damage == "cut off":
        path.write_bytes(data[:-100])
    elif damage == "one bit":
        with h5py.File(path, "r") as file:
            place = file["sequence"].id.get_chunk_info(0).byte_offset + 5
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with h5py.File(path, "a") as file:
            del file["label"]
            if damage == "other type":
                file["label"] = [0, 1]
    reader = Reader()
    assert converted(source, source, reader) == PROTEINS
    assert converted(source, source, reader) == PROTEINS
    assert reader.reads == 1


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_a_column_of_another_file_is_not_read(source, tmp_path, kind):
    """A link, external storage and a virtual data set that lead to another file's bytes are not followed."""
    converted(source, source, Reader())
    other = tmp_path / "secret"
    with h5py.File(other, "w") as file:
        file["label"] = [b"secret", b"secret"]
    with h5py.File(conversion(source), "a") as file:
        del file["label"]
        if kind == "external link":
            file["label"] = h5py.ExternalLink(str(other), "/label")
        elif kind == "soft link":
            file["label"] = h5py.SoftLink("/identifier")
        elif kind == "external storage":
            other.write_bytes(b"secretsecret")
            file.create_dataset("label", (2,), "S6", external=[(str(other), 0, 12)])
        else:
            layout = h5py.VirtualLayout((2,), "S6")
            layout[:] = h5py.VirtualSource(str(other), "label", (2,))
            file.create_virtual_dataset("label", layout)
    reader = Reader()
    assert converted(source, source, reader) == PROTEINS
    assert reader.reads == 1


def test_a_reader_that_fails_leaves_nothing_behind(source):
    """Where the source is refused there is no conversion, whole or in part."""

    def failing(place):
        yield PROTEINS[0]
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        converted(source, source, failing)
    assert [path.name for path in source.parent.iterdir()] == ["train.json"]


def test_a_folder_that_cannot_be_written_to_costs_the_time_alone(source, monkeypatch):
    """Where the conversion cannot be written (a full disk, here simulated) the proteins come all the same."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.File, "create_dataset", full)
    reader = Reader()
    assert converted(source, source, reader) == PROTEINS
    assert converted(source, source, reader) == PROTEINS
    assert reader.reads == 2
    assert [path.name for path in source.parent.iterdir()] == ["train.json"]
