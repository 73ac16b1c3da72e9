"""Conversions: made once per content, and never taken from beside the file."""

import hashlib

import h5py
import numpy as np
import pytest

from fpt_plugins import InputError
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
    path = tmp_path / "data" / "train.json"
    path.parent.mkdir()
    path.write_text("content")
    return path


def test_the_second_time_the_source_is_not_read(source, conversions):
    """One conversion, in our own folder, gives the same proteins, and nothing lies beside the source."""
    reader = Reader()
    assert converted(source, source, reader, "tape-json") == PROTEINS
    assert converted(source, source, reader, "tape-json") == PROTEINS
    assert reader.reads == 1
    assert len(list(conversions.iterdir())) == 1
    assert list(source.parent.iterdir()) == [source]


def test_names_of_any_text_and_length_are_kept(source):
    """A zero byte, half a surrogate pair (JSON can hold one) and a long name come back as they were."""
    odd = [Protein("a\0", "MKV", "0"), Protein("\ud800", "W", "1"), Protein("long" * 10_000, "A" * 9, "2")]
    converted(source, source, Reader(odd), "tape-json")
    assert converted(source, source, Reader([]), "tape-json") == odd


def test_another_content_is_converted_anew(source):
    """A source that changed, even back to its old length, is read again."""
    converted(source, source, Reader(), "tape-json")
    source.write_text("CONTENT")
    other = [Protein("three", "W", "7")]
    assert converted(source, source, Reader(other), "tape-json") == other


def test_another_form_is_read_anew(source):
    """What one reader made of a content is not what another makes of it."""
    converted(source, source, Reader(), "tape-json")
    assert converted(source, source, Reader(PROTEINS[:1]), "tape-lmdb") == PROTEINS[:1]


def test_what_lies_beside_the_source_is_not_believed(source):
    """HDF5 that an archive ships beside its file, named by the file's SHA-256, changes no label."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    with h5py.File(source.with_name(f"train.json.{digest[:16]}.h5"), "w") as file:  # as it was once kept
        for name, column in {"identifier": b"one", "sequence": b"MKV", "label": b"7"}.items():
            file[name] = np.array([column])
    assert converted(source, source, Reader(), "tape-json") == PROTEINS


def test_a_damaged_conversion_is_made_anew(source, conversions):
    """A residue changed in the conversion is noticed: the proteins are those of the source."""
    converted(source, source, Reader(), "tape-json")
    (path,) = conversions.iterdir()
    with h5py.File(path, "a") as file:
        file["json"][file["json"][:].tobytes().index(b"MKV")] = ord("A")
    reader = Reader()
    assert converted(source, source, reader, "tape-json") == PROTEINS
    assert reader.reads == 1


def test_a_reader_that_fails_leaves_nothing_behind(source, conversions):
    """Where the source is refused there is no conversion, whole or in part."""

    def failing(place):
        yield PROTEINS[0]
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        converted(source, source, failing, "tape-json")
    assert not conversions.exists()


def test_a_source_that_cannot_be_read_is_named(source):
    """A file that is gone is an error with its name."""
    source.unlink()
    with pytest.raises(InputError, match=r"train\.json: cannot be read"):
        converted(source, source, Reader(), "tape-json")
