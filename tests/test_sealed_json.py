"""JSON that carries its own digest."""

import hashlib
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import IntegrityError
from fpt_plugins.storage import read_sealed, sealed

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text().filter(lambda key: key != "sha256"), PLAIN, max_size=4))
def test_what_was_sealed_is_read_back(tmp_path_factory, value):
    """Any JSON object comes back equal."""
    path = tmp_path_factory.getbasetemp() / "sealed.json"
    path.write_bytes(sealed(value))
    assert read_sealed(path) == value


def test_the_seal_can_be_recomputed_without_us():
    """The digest is the SHA-256 of the object's JSON without it: sorted keys, two spaces, a newline."""
    value = json.loads(sealed({"b": [1.5, None], "a": "é"}))
    digest = value.pop("sha256")
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_every_single_bit_flip_is_noticed(tmp_path):
    """Each of the file's bits, flipped alone, makes reading it an error; the whole file reads well."""
    path, value = tmp_path / "run.json", {"lr": 1e-05, "é": 1 / 3}
    path.write_bytes(sealed(value))
    with path.open("r+b", buffering=0) as file:
        for place in range(8 * path.stat().st_size):
            original = os.pread(file.fileno(), 1, place // 8)
            os.pwrite(file.fileno(), bytes([original[0] ^ 1 << place % 8]), place // 8)
            with pytest.raises(IntegrityError, match=r"run\.json"):
                read_sealed(path)
            os.pwrite(file.fileno(), original, place // 8)
    assert read_sealed(path) == value


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"7", b"null", b"{}", b'{"sha256": 3}', b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}'],
    ids=["empty", "list", "number", "null", "unsealed", "no digest", "no text", "deep", "NaN"],
)
def test_what_was_never_sealed_is_refused(tmp_path, content):
    """Other content is an ``IntegrityError`` that names the file, whatever it is."""
    path = tmp_path / "adapter.json"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"adapter\.json"):
        read_sealed(path)


def test_a_missing_file_is_named(tmp_path):
    """A file that is not there is an ``IntegrityError`` with its path and the system's reason."""
    with pytest.raises(IntegrityError, match=r"gone\.json cannot be read: No such file"):
        read_sealed(tmp_path / "gone.json")
