"""LRA's files, byte for byte from the published format, and each way in which one can be wrong."""

import csv

import pytest

from fpt_listops.tables import read_expressions, read_table, write_table
from fpt_plugins import InputError

GOOD = b"Source\tTarget\r\n( ( ( [MAX 2 ) 9 ) ] )\t9\r\n( ( ( [SM 7 ) ( ( ( [MIN 4 ) 6 ) ] ) ) ] )\t1\r\n"


@pytest.fixture
def table(tmp_path):
    """A path whose bytes a test decides."""

    def write(content):
        path = tmp_path / "basic_val.tsv"
        path.write_bytes(content)
        return path

    return write


def test_a_table_is_read(table):
    """Rows of LRA's form come with line numbers, the ids of the full form, and labels."""
    rows = list(read_table(table(GOOD), limit=100))
    assert [(row.line, row.ids.tolist(), row.label) for row in rows] == [
        (2, [1, 7, 14, 4], 9),
        (3, [3, 12, 0, 9, 11, 4, 4], 1),
    ]


def test_line_feeds_alone_are_read_too(table):
    """A table whose carriage returns were lost on the way holds the same rows."""
    rows = list(read_table(table(GOOD.replace(b"\r", b"")), limit=100))
    assert [row.label for row in rows] == [9, 1]


def test_a_table_is_written_as_csv_writes_it(tmp_path):
    """Our bytes are those of Python's csv.writer with a tab, which LRA's generator uses."""
    rows = [("( ( ( [MAX 2 ) 9 ) ] )", 9), ("7", 7)]
    with (tmp_path / "theirs").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["Source", "Target"])
        writer.writerows(rows)
    write_table(tmp_path / "ours", rows)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "where", "found"),
    [
        (b"Source\tTarget\r\n", b"", "line 1", "the header is"),
        (b"Source", b"source", "line 1", "the header is 'source"),
        (GOOD, b"", "line 1", "the header is ''"),
        (b"\t9\r\n", b"\t8\r\n", "line 2", "the label is 8, but the expression's value is 9"),
        (b"\t1\r\n", b"\t2\r\n", "line 3", "the label is 2, but the expression's value is 1"),
        (b"[MAX", b"[MIN", "line 2", "the label is 9, but the expression's value is 2"),
        (b"\t9\r\n", b"\t10\r\n", "line 2", "the label is '10', not a digit"),
        (b"\t9\r\n", b"\t-1\r\n", "line 2", "the label is '-1', not a digit"),
        (b"\t9\r\n", b"\t\r\n", "line 2", "the label is '', not a digit"),
        (b"\t9\r\n", b"\r\n", "line 2", "1 columns"),
        (b"\t9\r\n", b"\t9\t9\r\n", "line 2", "3 columns"),
        (b"\t1\r\n", b"\t1\r\n\r\n", "line 4", "1 columns"),
        (b"[SM 7", b"[SM \xff", "line 3, token 2", r"is none of"),
        (b"9 ) ] )\t9", b"9 ) ]\t9", "line 2", "word 10 is 'nothing'"),
        (b"( ( ( [MAX 2 ) 9 ) ] )", b"", "line 2", "0 tokens"),
        (
            b"( ( ( [MAX 2 ) 9 ) ] )",
            b"[MAX " + b"2 " * 99 + b"]",
            "line 2",
            "101 tokens; it may have 1 to 100",
        ),
        (b"( ( ( [MAX 2 ) 9 ) ] )", b"[MIN " * 100_000, "line 2", "longer than 100 tokens can be"),
    ],
)
def test_each_fault_is_refused_with_its_line(table, old, new, where, found):
    """A header, column, expression or label that is wrong is an InputError with file and line."""
    path = table(GOOD.replace(old, new))
    with pytest.raises(InputError) as refusal:
        list(read_table(path, limit=100))
    assert refusal.value.where == f"{path}, {where}"
    assert found in refusal.value.message


@pytest.mark.parametrize("size", range(1, len(GOOD), 7))
def test_a_truncated_table_never_passes_for_a_whole_one(table, size):
    """Cut anywhere, a table is refused or has fewer rows, unless only its last line end is gone."""
    try:
        rows = list(read_table(table(GOOD[:size]), limit=100))
    except InputError:
        return
    assert len(rows) < 2 or size >= len(GOOD) - 2


def test_a_table_is_streamed(table):
    """Rows before a fault come before the fault is met: the file is not read whole."""
    rows = read_table(table(GOOD + b"nonsense\r\n"), limit=100)
    assert [next(rows).label, next(rows).label] == [9, 1]
    with pytest.raises(InputError, match="line 4"):
        next(rows)


def test_longest_expressions_fit_a_line(table):
    """The bound on a line's length lets through the widest text that the limit allows."""
    nested = b"( ( [MIN " * 49 + b"( ( [MIN 3 ) ] )" + b" ) ] )" * 49
    flat = b"( " * 99 + b"[MIN" + b" 3 )" * 98 + b" ] )"
    rows = list(read_table(table(b"Source\tTarget\r\n" + nested + b"\t3\r\n" + flat + b"\t3\r\n"), limit=101))
    assert [len(row.ids) for row in rows] == [101, 100]


def test_a_text_file_has_one_expression_per_line(table):
    """Plain and binarized expressions stand beside each other in a text file."""
    rows = list(read_expressions(table(b"[MAX 2 9 ]\n( ( ( [MAX 2 ) 9 ) ] )\n"), limit=100))
    assert [(row.line, row.ids.tolist()) for row in rows] == [(1, [1, 7, 14, 4]), (2, [1, 7, 14, 4])]


def test_a_fault_in_a_text_file_has_its_line(table):
    """A malformed line of a text file is refused with file, line and token."""
    path = table(b"[MAX 2 9 ]\n[MAX 2\n")
    with pytest.raises(InputError) as refusal:
        list(read_expressions(path, limit=100))
    assert refusal.value.where == f"{path}, line 2, token 2"


@pytest.mark.parametrize("read", [read_table, read_expressions])
def test_a_missing_file_is_refused_by_name(tmp_path, read):
    """A file that is not there is an InputError, not a traceback."""
    with pytest.raises(InputError, match=r"absent\.tsv: cannot be read: No such file"):
        list(read(tmp_path / "absent.tsv", limit=100))
