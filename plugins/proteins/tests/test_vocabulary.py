"""The vocabulary is TAPE's, written out here a second time, and a protein becomes its ids."""

import pytest

from fpt_plugins import InputError
from fpt_proteins.hooks import fpt_tokenize
from fpt_proteins.tasks import RemoteHomology
from fpt_proteins.vocabulary import SYMBOLS, encode

# IUPAC_VOCAB of songlab-cal/tape, tape/tokenizers.py at 6d345c2b: symbol and id, line by line.
TAPE = {
    "<pad>": 0, "<mask>": 1, "<cls>": 2, "<sep>": 3, "<unk>": 4, "A": 5, "B": 6, "C": 7, "D": 8, "E": 9,
    "F": 10, "G": 11, "H": 12, "I": 13, "K": 14, "L": 15, "M": 16, "N": 17, "O": 18, "P": 19, "Q": 20,
    "R": 21, "S": 22, "T": 23, "U": 24, "V": 25, "W": 26, "X": 27, "Y": 28, "Z": 29,
}  # fmt: skip


def test_symbols_are_tapes_in_order():
    """All 30 symbols have the ids of TAPE's own table."""
    assert {symbol: place for place, symbol in enumerate(SYMBOLS)} == TAPE


@pytest.mark.parametrize("sequence", ["M", "ACDEFGHIKLMNPQRSTVWY", "BOUXZ", "MKV" * 200])
def test_a_protein_is_cls_its_residues_sep(sequence):
    """Ids looked up letter by letter in TAPE's table, between <cls> and <sep>; no padding among them."""
    ids = encode(sequence, 1024)
    assert ids.tolist() == [TAPE["<cls>"], *(TAPE[letter] for letter in sequence), TAPE["<sep>"]]
    assert 0 not in ids


def test_a_long_protein_is_cut_and_keeps_sep():
    """At 10 tokens the first 8 residues stay, between <cls> and <sep>; one residue less is not cut."""
    assert encode("ACDEFGHIKL", 10).tolist() == [2, *(TAPE[letter] for letter in "ACDEFGHI"), 3]
    assert len(encode("ACDEFGHI", 10)) == len(encode("ACDEFGH", 11)) + 1 == 10


def test_tokenizing_treats_each_sample_alone():
    """A batch's ragged tokens are those of its samples one by one, whatever stands beside them."""
    task, samples = RemoteHomology(max_length=6), ["MKV", "A", "MKVMKV", "MKV"]
    batch = fpt_tokenize(task, samples)
    assert batch.lengths.tolist() == [5, 3, 6, 5]
    assert [ids.tolist() for ids in batch] == [fpt_tokenize(task, [s]).values.tolist() for s in samples]
    assert [ids.tolist() for ids in fpt_tokenize(task, samples[::-1])] == [ids.tolist() for ids in batch][
        ::-1
    ]


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ("", "a protein without residues"),
        ("MKJ", "residue 3 is 'J', which is none of the 25 amino-acid letters\n  J is leucine or isoleucine"),
        ("mkv", "residue 1 is 'm', which is none of the 25 amino-acid letters\n  lower case marks masked"),
        ("MK V", "residue 3 is ' '"),
        ("MKV*", "residue 4 is '*', which is none of the 25 amino-acid letters\n  '*' ends a translation"),
        ("MK-V", "'-' is a gap"),
        ("MK1", "residue 3 is '1'"),
        ("MKÅ", "residue 3 is 'Å'"),
        ("M\nK", r"residue 2 is '\n'"),
    ],
)
def test_what_is_no_protein_is_refused(sequence, message):
    """The first letter that is none of the 25 is named with its place and what to do."""
    with pytest.raises(InputError) as caught:
        encode(sequence, 1024)
    assert message in str(caught.value)
