"""Files from anywhere are bounded before they are read."""

import os

import pytest

from fpt_plugins.plain_files import DEEPEST, parse_json, parse_toml, read_bounded


def test_a_file_is_read_up_to_its_bound(tmp_path):
    """At the bound it is read whole; one byte more, or a terabyte that takes no room, is refused unread."""
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    assert read_bounded(path, 4) == b"1234"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        read_bounded(path, 3)
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="larger than"):
        read_bounded(path)


def test_what_is_no_ordinary_file_is_refused(tmp_path):
    """A pipe, which would be waited for, and a device without an end are not opened."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="no ordinary file"):
            read_bounded(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "nothing")


@pytest.mark.parametrize(
    "text", ["[1, NaN]", "[Infinity]", '{"a": 1, "a": 2}', "[" * 100_000, "9" * 5000, "\x80"]
)
def test_json_that_is_none_or_ambiguous_is_refused(text):
    """Numbers that JSON has not, a key twice, depth, endless digits and other encodings are one error."""
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text.encode("latin-1"))


def test_depth_is_bounded_where_it_is_said():
    """As many levels as are declared are read in JSON and TOML, and one more is not."""
    for parse, start in ((parse_json, b'{"a": '), (parse_toml, b"a = ")):
        end = b"}" if parse is parse_json else b""
        deep = [start + b"[" * levels + b"]" * levels + end for levels in (DEEPEST - 1, DEEPEST)]
        assert parse(deep[0])
        with pytest.raises(ValueError, match="nested"):
            parse(deep[1])
