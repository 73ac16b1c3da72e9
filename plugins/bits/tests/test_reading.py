"""Samples that people write: JSON objects and text files, read and refused."""

import pytest

from fpt_bits.memory import BitMemory
from fpt_bits.xor import BitXor
from fpt_plugins import InputError

MEMORY = BitMemory(strings=2, length=32, patch=8)
ZEROS, ONES, HALF = "0" * 32, "1" * 32, "?1" * 16
XOR = BitXor()


def test_memory_reads_what_it_generates():
    """A generated sample, written symbol by symbol, is parsed back to the same array."""
    sample, _ = MEMORY.split("test")[0]
    *strings, query = ("".join("0?1"[value + 1] for value in row) for row in sample)
    assert MEMORY.parse({"strings": strings, "query": query}).tolist() == sample.tolist()


def test_xor_reads_what_it_generates():
    """A generated sample, written symbol by symbol, is parsed back to the same array."""
    sample, _ = XOR.split("test")[0]
    strings = ["".join(map(str, row)) for row in sample]
    assert XOR.parse({"strings": strings}).tolist() == sample.tolist()


@pytest.mark.parametrize(
    ("task", "value", "message"),
    [
        (MEMORY, [ZEROS, ONES], "the sample is a list, not a JSON object"),
        (MEMORY, {"strings": [ZEROS, ONES]}, "the fields strings, where it takes strings, query"),
        (MEMORY, {"strings": [ZEROS, ONES], "query": HALF, "x": 1}, "the fields strings, query, x"),
        (MEMORY, {"strings": ZEROS, "query": HALF}, "strings: not a list but a str"),
        (MEMORY, {"strings": [ZEROS, ONES], "query": None}, "query: not a string but a NoneType"),
        (MEMORY, {"strings": [ZEROS], "query": HALF}, "2 strings of bits, where 3 are expected"),
        (MEMORY, {"strings": [ZEROS, 7], "query": HALF}, "string 2: not a string of bits but a int"),
        (MEMORY, {"strings": [ZEROS, ONES[1:]], "query": HALF}, "string 2: 31 bits, where 32 are expected"),
        (MEMORY, {"strings": [HALF, ONES], "query": HALF}, "string 1: bit 1 is '?', none of 0, 1"),
        (
            MEMORY,
            {"strings": [ZEROS, ONES], "query": HALF[:-1] + "2"},
            "query: bit 32 is '2', none of 0, 1, ?",
        ),
        (XOR, "01010", "the sample is a str, not a JSON object"),
        (XOR, {}, "the fields none, where it takes strings"),
        (XOR, {"strings": ["01010"]}, "1 strings of bits, where 2 are expected, string 1 to string 2"),
        (XOR, {"strings": ["01010", "0101x"]}, "string 2: bit 5 is 'x', none of 0, 1"),
        (XOR, {"strings": ["01010", ""]}, "string 2: 0 bits, where 5 are expected"),
    ],
)
def test_json_that_is_no_sample_is_refused_by_name_and_place(task, value, message):
    """The error says which field, string and bit is wrong, and what was expected."""
    with pytest.raises(InputError) as refusal:
        task.parse(value)
    assert message in str(refusal.value)


def test_a_memory_file_is_read_line_by_line(tmp_path):
    """Lines are strings and then the query; blank lines, CRLF and a byte-order mark are no part of them."""
    path = tmp_path / "queries.txt"
    path.write_bytes(f"\ufeff{ZEROS} {ONES} {HALF}\r\n\n{ONES}\t{ZEROS}  {HALF}".encode())
    samples = dict(MEMORY.read(path))
    assert list(samples) == ["queries.txt:1", "queries.txt:3"]
    assert samples["queries.txt:1"].tolist() == [[-1] * 32, [1] * 32, [0, 1] * 16]
    assert samples["queries.txt:3"].tolist() == [[1] * 32, [-1] * 32, [0, 1] * 16]


def test_an_xor_file_is_read_line_by_line(tmp_path):
    """Lines are the strings, read as 0 and 1."""
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"01010 11001\n00000 11111\n")
    samples = dict(XOR.read(path))
    assert samples["pairs.txt:2"].tolist() == [[0] * 5, [1] * 5]
    assert list(samples) == ["pairs.txt:1", "pairs.txt:2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"01010 11001\n\n01010 1100\n", "line 3, string 2: 4 bits, where 5 are expected"),
        (b"01010 11001 00000\n", "line 1: 3 strings of bits, where 2 are expected"),
        (b"01010 11001\n0101? 11001\n", "line 2, string 1: bit 5 is '?'"),
        (b"01010 11001\n\xff1010 11001\n", "line 2, string 1: bit 1 is '\ufffd'"),
        (b"0\x0001010 11001\n", "line 1, string 1: 7 bits"),
        (b"", "no sample"),
        (b"\n \n", "no sample"),
    ],
)
def test_a_malformed_file_is_refused_by_name_and_line(tmp_path, content, message):
    """The error gives the file, the line, the string and the bit."""
    path = tmp_path / "pairs.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        list(XOR.read(path))
    assert str(refusal.value).startswith(str(path))
    assert message in str(refusal.value)


def test_lines_before_a_malformed_one_are_yielded(tmp_path):
    """Reading is lazy: the first sample is there before the second line is refused."""
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"01010 11001\nwrong\n")
    samples = XOR.read(path)
    assert next(samples)[0] == "pairs.txt:1"
    with pytest.raises(InputError, match="line 2"):
        next(samples)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path):
    """A missing file and a folder are errors with their path."""
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as refusal:
            list(XOR.read(path))
        assert str(path) in str(refusal.value)
