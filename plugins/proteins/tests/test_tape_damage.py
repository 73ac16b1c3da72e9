"""Files that are not what TAPE wrote: each is refused by name and record, and ends no process."""

import itertools
import os
import struct

import numpy as np
import pytest

from fpt_plugins import InputError
from fpt_proteins import tape_lmdb
from fpt_proteins.lmdb_length import check_length
from fpt_proteins.tape_json import read_json
from fpt_proteins.tape_lmdb import read_lmdb

FORMS = ("json", "lmdb")


def refusal(read, path):
    with pytest.raises(InputError) as caught:
        list(read(path))
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "empty": ("", "FILE: the file is empty"),
        "object": ('{"a": 1}', "FILE: TAPE's files begin with a list; found '{"),
        "empty list": ("[]", "FILE, record 0: not JSON, or cut off"),
        "list of numbers": ("[1]", "FILE, record 0: a record is an object with fields; found int"),
        "JSON lines": ('{"primary": "MKV"}\n{}', "FILE: TAPE's files begin with a list"),
        "text after it": ('[{"primary": "M", "fold_label": 1}] x', "FILE: text after the list of 1 records"),
        "no comma": (
            '[{"primary": "M", "fold_label": 1} {}]',
            "FILE, record 1: records stand between commas; found '{}]'",
        ),
        "comma at the end": ('[{"primary": "M", "fold_label": 1},]', "FILE, record 1: not JSON, or cut off"),
        "end within a record": (
            '[{"primary": "M", "fold_label": 1}, {"pri',
            "FILE, record 1: not JSON, or cut off",
        ),
        "end between records": (
            '[{"primary": "M", "fold_label": 1}',
            "FILE, record 1: records stand between commas; found the end",
        ),
        "deep nesting": ("[" * 100_000, "FILE, record 0: not JSON, or cut off"),
        "binary": ("\0\1", "FILE, line 1: byte 0 is no text"),
    }.values(),
)
def test_json_that_is_not_tapes_is_refused(tmp_path, text, message):
    """Each kind of bad file is refused by file and record."""
    path = tmp_path / "remote_homology_train.json"
    path.write_text(text)
    assert refusal(read_json, path).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"primary": None}, "primary is a sequence of letters; found None"),
        ({"primary": [5, 16]}, "primary is a sequence of letters; found [5, 16]"),
        ({"primary": "", "protein_length": 0}, "a protein without residues"),
        ({"primary": "MKJAA"}, "residue 3 is 'J'"),
        ({"fold_label": 1195}, "fold_label is a fold from 0 to 1194; found 1195"),
        ({"fold_label": -1}, "fold_label is a fold from 0 to 1194; found -1"),
        ({"fold_label": "3"}, "fold_label is a fold from 0 to 1194; found '3'"),
        ({"fold_label": True}, "fold_label is a fold from 0 to 1194; found True"),
        ({"fold_label": 1.0}, "fold_label is a fold from 0 to 1194; found 1.0"),
        ({"protein_length": 6}, "5 residues, and protein_length is 6"),
        ({"protein_length": [5]}, "5 residues, and protein_length is [5]"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_record_that_is_not_tapes_is_refused_by_number(tape, form, change, message):
    """Each field that is missing, of another type, or out of range is named with file and record."""
    records = tape.records(3)
    records[1] |= change
    path = getattr(tape, f"write_{form}")("train", records)
    found = refusal({"json": read_json, "lmdb": read_lmdb}[form], path)
    assert found.startswith(f"FILE, record 1: {message}")


def test_a_field_that_is_not_there_is_named(tape):
    """The message has the fields that are there."""
    path = tape.write_json("train", [{"sequence": "MKV", "fold": 1}])
    assert (
        refusal(read_json, path)
        == "FILE, record 0: primary is a sequence of letters; found fields sequence, fold"
    )


class Call:
    """Pickled as a call of ``os.system``."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_hostile_pickle_is_refused_and_not_run(tape):
    """A record that would run a command is refused by file, record and name; the command does not run."""
    made = tape.data_root / "made"
    folder = tape.write_lmdb("train", [*tape.records(2), Call(f"touch {made}")])
    found = refusal(read_lmdb, folder)
    assert found.startswith("FILE, record 2, byte ")
    assert f"the global {os.system.__module__}.system" in found
    assert not made.exists()


def test_an_lmdb_file_with_records_missing_is_refused(tape):
    """A count that is not that of the records, none at all, and a count that is no number are refused."""
    short = tape.write_lmdb("train", tape.records(5), count=6)
    assert refusal(read_lmdb, short).startswith("FILE: num_examples is 6, and there are 5 records")
    empty = tape.write_lmdb("valid", [])
    assert refusal(read_lmdb, empty).startswith("FILE: num_examples is 0, and there are 0 records")
    odd = tape.write_lmdb("test_fold_holdout", tape.records(1), count="many")
    assert refusal(read_lmdb, odd).startswith("FILE: num_examples is 'many', and there are 1 records")


def test_the_length_of_a_sound_file_is_its_pages(tape):
    """The last page that LMDB itself reports, plus one, times its page size, is what the check demands."""
    import lmdb

    folder = tape.write_lmdb("train", tape.records(100))
    with lmdb.open(str(folder), readonly=True, lock=False) as environment:
        length = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    path = folder / "data.mdb"
    os.truncate(path, length)
    check_length(path)
    os.truncate(path, length - 1)
    assert refusal(read_lmdb, folder).startswith(
        f"FILE/data.mdb: cut off: {length - 1:,} of {length:,} bytes"
    )


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_lmdb_file_is_refused(tape, share):
    """Wherever the file is cut off it is refused by name: unchecked, reading it kills the process."""
    folder = tape.write_lmdb("train", tape.records(200))
    path = folder / "data.mdb"
    os.truncate(path, int(path.stat().st_size * share))
    assert "cut off" in refusal(read_lmdb, folder)


def test_other_files_are_no_lmdb_files(tape):
    """A file of another kind, of another version and of an impossible page size are refused."""
    folder = tape.write_lmdb("train", tape.records(3))
    path = folder / "data.mdb"
    sound = path.read_bytes()
    for offset, value in ((16, 0xDEADBEEF), (20, 2), (40, 3000)):
        path.write_bytes(sound[:offset] + struct.pack("<I", value) + sound[offset + 4 :])
        assert refusal(read_lmdb, folder).startswith("FILE/data.mdb: this is no LMDB file")


def test_a_reader_that_dies_is_a_refusal(tape):
    """A root page that points beyond the file ends the reading process by a signal, and not this one."""
    folder = tape.write_lmdb("train", tape.records(200))
    path = folder / "data.mdb"
    data = bytearray(path.read_bytes())
    branch = next(p for p in range(0, len(data), 4096) if struct.unpack_from("<H", data, p + 10)[0] == 1)
    for node in struct.unpack_from(
        f"<{(struct.unpack_from('<H', data, branch + 12)[0] - 16) // 2}H", data, branch + 16
    ):
        struct.pack_into("<I", data, branch + node, 0x00FFFFF0)  # the child's page
    path.write_bytes(data)
    assert refusal(read_lmdb, folder).startswith("FILE: damaged: ")


def test_pages_that_run_in_a_circle_are_refused(tape, monkeypatch):
    """A reader that yields its entries again and again is stopped at the first that it has read."""
    folder = tape.write_lmdb("train", tape.records(3))
    endless = itertools.cycle(list(tape_lmdb.entries(folder)))
    monkeypatch.setattr(tape_lmdb, "entries", lambda _: endless)
    assert refusal(read_lmdb, folder).startswith("FILE, record 0: read a second time")


def test_changed_bits_never_end_this_process(tape):
    """Of 12 files with a bit changed in their pages' headers and nodes each is read or refused."""
    folder = tape.write_lmdb("train", tape.records(200))
    path, generator = folder / "data.mdb", np.random.default_rng(0)
    sound = path.read_bytes()
    for _ in range(12):
        data = bytearray(sound)
        page = generator.integers(2, len(data) // 4096)
        data[page * 4096 + generator.integers(0, 100)] ^= 1 << generator.integers(0, 8)
        path.write_bytes(data)
        try:
            assert len(read_lmdb(folder)) == 200
        except InputError:
            continue
