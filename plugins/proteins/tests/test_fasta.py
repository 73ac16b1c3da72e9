"""FASTA files are read as Biopython reads them; malformed ones are refused by line."""

import codecs
import contextlib
import gzip
import io

import pytest
from Bio import SeqIO
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import InputError
from fpt_proteins import text_files
from fpt_proteins.fasta import read_fasta
from fpt_proteins.tasks import Fasta, RemoteHomology

GOOD = ">one first protein\nMKVL\nACDE\n\n>two\nWY\n>three\tΔ of nothing\nGGGG\n\n\n"


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_fasta(path, **options)
    return str(caught.value).replace(str(path), "FILE")


def written(folder, data, name="proteins.fasta"):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_sound_files_are_read_as_biopython_reads_them(tmp_path, newline, packed):
    """Names, headers and sequences of a plain or gzip file with either line end are Biopython's."""
    data = GOOD.replace("\n", newline).encode()
    path = written(tmp_path, gzip.compress(data) if packed else data, "a.fa.gz" if packed else "a.fa")
    records = read_fasta(path)
    reference = list(SeqIO.parse(io.StringIO(GOOD), "fasta"))
    assert [(r.identifier, r.header, r.sequence) for r in records] == [
        (r.id, r.description, str(r.seq)) for r in reference
    ]
    assert records[1].where == f"{path}, record 2, line 5"


MALFORMED = {
    "empty file": ("", "FILE: the file is empty"),
    "blank lines alone": ("\n \n\t\n", "FILE: the file is empty"),
    "text before the first record": (
        "; made by hand\n>a\nMKV\n",
        "FILE, line 1: '; made by hand' stands before",
    ),
    "a sequence before the first record": ("\nMKV\n>a\nMKV\n", "FILE, line 2: 'MKV' stands before"),
    "no record at all": ("MKVLACDE\n", "FILE, line 1: 'MKVLACDE' stands before"),
    "FASTQ": ("@a\nMKV\n+\nIII\n", "FILE, line 1: '@a' stands before"),
    "no sequence within": (">a\n>b\nMKV\n", "FILE, record 1, line 1: >a has no sequence"),
    "no sequence at the end": (">a\nMKV\n>b\n", "FILE, record 2, line 3: >b has no sequence"),
    "blank lines for a sequence": (">a\n\n\n>b\nMKV\n", "FILE, record 1, line 1: >a has no sequence"),
    "two records of one name": (
        ">a x\nMKV\n>b\nMKV\n>a y\nAAA\n",
        "FILE, record 3, line 5: a second record a; the first is at FILE, record 1, line 1",
    ),
    "no name": (">\nMKV\n", "FILE, record 1, line 1: a record without a name"),
    "a space for a name": (">a\nMKV\n> b\nMKV\n", "FILE, record 2, line 3: a record without a name"),
    "space within": (">a\nMK V\n", "FILE, record 1, line 2: residue 3 is ' '"),
    "space at the end": (">a\nMKV \nMKV\n", "FILE, record 1, line 2: residue 4 is ' '"),
    "tab within": (">a\nMK\tV\n", "FILE, record 1, line 2: residue 3 is '\\t'"),
    "digits": (">a\nMKV\n  61 ACDEF\n", "FILE, record 1, line 3: residue 1 is ' '"),
    "a digit": (">a\nMKV1\n", "FILE, record 1, line 2: residue 4 is '1'"),
    "stop": (">a\nMKV*\n", "FILE, record 1, line 2: residue 4 is '*'"),
    "gap": (">a\nMK-V\n", "FILE, record 1, line 2: residue 3 is '-'"),
    "lower case": (">a\nMKV\nmkv\n", "FILE, record 1, line 3: residue 1 is 'm'"),
    "a letter that is none": (">a\nMKV\n>b\nMKJ\n", "FILE, record 2, line 4: residue 3 is 'J'"),
    "two records on a line": (">a\nMKV>b\nMKV\n", "FILE, record 1, line 2: residue 4 is '>'"),
    "blank line within": (">a\nMKV\n\nACD\n", "FILE, record 1, line 3: a blank line within a sequence"),
    "CR line ends": (">a\rMKV\r>b\rMKV\r", "FILE, line 1: lines end in CR alone"),
    "one CR": (">a\nMKV\n>b\nMK\rV\n", "FILE, line 4: lines end in CR alone"),
    "NUL": (">a\nMKV\n>b\nMK\0V\n", "FILE, line 4: byte 0 is no text"),
    "escape": (">a \x1b[31m\nMKV\n", "FILE, line 1: byte 27 is no text"),
    "binary": (bytes(range(256)), "FILE, line 1: byte 0 is no text"),
    "UTF-16": (codecs.BOM_UTF16_LE + ">a\nMKV\n".encode("utf-16-le"), "FILE, line 1: the text is UTF-16"),
    "UTF-16 without a mark": (">a\nMKV\n".encode("utf-16-be"), "FILE, line 1: byte 0 is no text"),
    "UTF-32": (">a\nMKV\n".encode("utf-32"), "FILE, line 1: the text is UTF-32"),
    "byte order mark": (
        codecs.BOM_UTF8 + b">a\nMKV\n",
        "FILE, line 1: the text is UTF-8 with a byte order mark",
    ),
    "Latin-1": (">a\nMKV\n>b \xe9\nMKV\n".encode("latin-1"), "FILE, line 3: the text is not UTF-8"),
    "a pickle": (b"\x80\x04]\x94.", "FILE, line 1: byte 4 is no text"),
}


@pytest.mark.parametrize(("data", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused_with_record_and_line(tmp_path, data, message):
    """Each kind of bad file is refused where it is bad; the lines were counted by hand."""
    assert refusal(written(tmp_path, data)).startswith(message)


LINES = [">", ">a", ">b c", ">a x", "MKV", "mkv", "M V", "MJ", "M*", "1", "", " ", ";", "\r", "\0", "é"]


@settings(deadline=None, derandomize=True, max_examples=400)
@given(lines=st.lists(st.sampled_from(LINES), max_size=8), packed=st.booleans())
def test_any_lines_are_read_soundly_or_refused(tmp_path_factory, lines, packed):
    """A file of any lines gives different names with sequences of amino acids, or an InputError."""
    data = "\n".join(lines).encode()
    path = written(tmp_path_factory.mktemp("any"), gzip.compress(data) if packed else data)
    with contextlib.suppress(InputError):
        records = read_fasta(path)
        assert len({record.identifier for record in records}) == len(records) == data.count(b">")
        assert all(record.sequence and set(record.sequence) <= set("MKV") for record in records)


def test_biopython_alone_reads_most_of_them(tmp_path):
    """Why the check is there: Biopython alone reads most of these files without a word."""
    read = 0
    for data, _ in MALFORMED.values():
        with contextlib.suppress(ValueError), written(tmp_path, data).open(encoding="utf-8") as file:
            list(SeqIO.parse(file, "fasta"))
            read += 1
    assert read > len(MALFORMED) / 2


def test_damaged_gzip_is_refused(tmp_path):
    """A gzip file that is cut off, changed within, or none at all is refused by name."""
    packed = gzip.compress(GOOD.encode() * 500)
    changed = packed[:60] + bytes([packed[60] ^ 255]) + packed[61:]
    assert "FILE: cannot be read" in refusal(written(tmp_path, packed[:-20], "a.fa.gz"))
    assert "FILE: cannot be read" in refusal(written(tmp_path, changed, "b.fa.gz"))
    assert refusal(written(tmp_path, GOOD, "c.fa.gz")).startswith("FILE: named .gz, and not gzip")


def test_a_bomb_is_refused_before_it_unfolds(tmp_path, monkeypatch):
    """A gzip file of more text than the limit is refused; the limit is lowered here to a megabyte."""
    monkeypatch.setattr(text_files, "MOST_BYTES", 1 << 20)
    bomb = gzip.compress(b">a\n" + b"M" * (1 << 21))
    assert refusal(written(tmp_path, bomb, "a.fa.gz")).startswith("FILE: more than 1,048,576 bytes of text")


def test_no_file_and_a_folder_are_refused(tmp_path):
    """A path that is nothing, and one that is a folder, are no files."""
    assert refusal(tmp_path / "none.fa") == "FILE: there is no such file"
    assert refusal(tmp_path) == "FILE: there is no such file"


def test_lower_case_throughout_is_read_where_astral_writes_it(tmp_path):
    """With ``lowercase`` a record of one case is read in capitals; one of both cases is refused."""
    path = written(tmp_path, ">a\nmkv\nacd\n>b\nMKV\n")
    assert [record.sequence for record in read_fasta(path, lowercase=True)] == ["MKVACD", "MKV"]
    mixed = written(tmp_path, ">a\nmkv\nACD\n")
    assert refusal(mixed, lowercase=True).startswith("FILE, record 1, line 2: residue 1 is 'm'")


def test_tasks_read_files_and_json(tmp_path):
    """``read`` yields names and sequences, and ``parse`` the sequence of an object."""
    path = written(tmp_path, GOOD)
    assert list(Fasta().read(path)) == [("one", "MKVLACDE"), ("two", "WY"), ("three", "GGGG")]
    assert list(RemoteHomology().read(written(tmp_path, ">a\nmkv\n"))) == [("a", "MKV")]
    assert Fasta().parse({"sequence": "MKV"}) == "MKV"


def test_a_record_that_is_no_protein_is_rejected_and_the_others_are_read(tmp_path):
    """``read`` yields the reason in its place, by record and line; a data set of such a file is refused."""
    path = written(tmp_path, ">one\nMKV\n>two\nMK1\n>three\n>four\nWY\n>\nMK\n")
    found = dict(Fasta().read(path))
    assert {name: found[name] for name in ("one", "four")} == {"one": "MKV", "four": "WY"}
    places = {name: each.where for name, each in found.items() if isinstance(each, InputError)}
    assert places == {
        "two": f"{path}, record 2, line 4",
        "three": f"{path}, record 3, line 5",
        "record 5": f"{path}, record 5, line 8",
    }
    with pytest.raises(InputError, match="record 2, line 4"):
        read_fasta(path)


def test_packed_text_is_unpacked_within_reason(tmp_path):
    """Sixty-four MB of one letter in 64 kB of gzip are refused; what sequences take is read."""
    bomb = tmp_path / "bomb.fasta.gz"
    bomb.write_bytes(gzip.compress(b">a\n" + b"A" * 2**26))
    with pytest.raises(InputError, match="bytes of text"):
        list(Fasta().read(bomb))


@pytest.mark.parametrize(
    "value",
    [
        "MKV",
        None,
        3,
        [],
        {},
        {"sequence": 3},
        {"sequence": "MKV", "x": 1},
        {"Sequence": "MKV"},
        {"sequence": "mkv"},
    ],
)
def test_json_that_is_no_protein_is_refused(value):
    """Whatever is not one object with one sequence of capital letters is refused."""
    with pytest.raises(InputError):
        Fasta().parse(value)
