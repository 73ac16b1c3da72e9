"""Domains come from ASTRAL's headers, and splits hold out whole groups of the level that is asked for."""

import itertools
from collections import defaultdict

import pytest

from fpt_plugins import InputError
from fpt_proteins.proteins import Protein
from fpt_proteins.scope import read_domains
from fpt_proteins.splits import by_lineage, by_sequence
from fpt_proteins.tasks import RemoteHomology

# Headers in the forms that SCOPe's files have: one chain, a part, several parts, numbers below zero and with
# insertion codes, no chain. The sequences are made up.
ASTRAL = """\
>d1ux8a_ a.1.1.1 (A:) Protozoan/bacterial hemoglobin {Bacillus subtilis [TaxId: 1423]}
slyeklggaaavdlavekfygkvla
>d1tpt_1 a.46.2.1 (1-70) Thymidine phosphorylase {Escherichia coli}
mflaqeiirkkrdghalsde
>d1c3wb2 a.46.2.1 (B:-5-10,B:90-99A) Something of two parts {Unknown}
ACDEFGxGHIKL
>g1abc.1 b.1.1.1 (A:,B:) A domain of two chains {Homo sapiens}
acdxefg
>d2abca_ h.1.1.1 (A:) Coiled coil {Homo sapiens}
acdacd
"""


def protein(name, lineage, sequence=None):
    return Protein(
        name, sequence or "M" + name.upper().translate(str.maketrans("0123456789", "ACDEFGHIKL")), "", lineage
    )


def hierarchy(folds, superfamilies, families, members):
    numbers = itertools.product(
        range(1, folds + 1), range(1, superfamilies + 1), range(1, families + 1), range(members)
    )
    return [protein(f"p{i}", f"a.{f}.{s}.{m}") for i, (f, s, m, _) in enumerate(numbers)]


def groups(proteins, depth):
    return {".".join([*p.lineage.split("."), p.sequence][:depth]) for p in proteins}


def test_headers_give_fold_and_lineage(tmp_path):
    """Names, folds, classifications and sequences of five headers, read off by eye; class h is left out."""
    path = tmp_path / "scope.fa"
    path.write_text(ASTRAL.replace("ACDEFGxGHIKL", "acdefgxghikl"))
    domains = read_domains(path)
    assert domains.left_out == {"of SCOP's classes h to l": 1}
    assert [(d.identifier, d.label, d.lineage) for d in domains.proteins] == [
        ("d1ux8a_", "a.1", "a.1.1.1"),
        ("d1tpt_1", "a.46", "a.46.2.1"),
        ("d1c3wb2", "a.46", "a.46.2.1"),
        ("g1abc.1", "b.1", "b.1.1.1"),
    ]
    assert domains.proteins[3].sequence == "ACDXEFG"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("d1ux8a_", "no SCOP domain: 'd1ux8a_'"),
        ("d1ux8a_ Hemoglobin", "no SCOP domain"),
        ("sp|P69905|HBA_HUMAN Hemoglobin subunit alpha OS=Homo sapiens", "no SCOP domain"),
        ("d1ux8a_ a.1.1 (A:) Hemoglobin", "no SCOP classification: 'a.1.1'"),
        ("d1ux8a_ a.1.1.1.1 (A:) Hemoglobin", "no SCOP classification: 'a.1.1.1.1'"),
        ("d1ux8a_ 1.1.1.1 (A:) Hemoglobin", "no SCOP classification: '1.1.1.1'"),
        ("d1ux8a_ a.0.1.1 (A:) Hemoglobin", "no SCOP classification: 'a.0.1.1'"),
        ("d1ux8a_ a.1.1.1 (what?:) Hemoglobin", "no SCOP domain"),
    ],
)
def test_headers_without_a_classification_are_refused(tmp_path, header, message):
    """A header that is not ASTRAL's is refused with file, record and line."""
    path = tmp_path / "scope.fa"
    path.write_text(f">d1ux8b_ a.1.1.1 (B:) Hemoglobin\nmkv\n>{header}\nmkv\n")
    with pytest.raises(InputError) as caught:
        read_domains(path)
    assert str(caught.value).startswith(f"{path}, record 2, line 3: {message}")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("level", "depth"), [("fold", 2), ("superfamily", 3), ("family", 4)])
def test_each_level_holds_out_the_groups_below_it(level, depth, seed):
    """Test and training share every group of the level and none of the next one down; nor with validation."""
    splits = by_lineage(hierarchy(3, 4, 3, 5), level, seed)
    assert sum(map(len, splits.values())) == 3 * 4 * 3 * 5
    for held, other in [("test", "train"), ("validation", "train"), ("test", "validation")]:
        assert not groups(splits[held], depth + 1) & groups(splits[other], depth + 1)
    assert (
        groups(splits["test"], depth) == groups(splits["train"], depth) == groups(splits["validation"], depth)
    )


def test_a_tenth_of_the_superfamilies_of_a_large_fold_is_held_out():
    """Of 40 superfamilies 4 test and 4 validate; of 3 one each."""
    large = by_lineage(hierarchy(1, 40, 1, 1), "fold", 0)
    assert [len(large[name]) for name in ("train", "validation", "test")] == [32, 4, 4]
    small = by_lineage(hierarchy(1, 3, 1, 1), "fold", 0)
    assert [len(small[name]) for name in ("train", "validation", "test")] == [1, 1, 1]


def test_folds_of_few_superfamilies_train_and_are_held_out_as_far_as_they_can():
    """A fold of one superfamily trains whole; of 200 folds of two, half test the other one."""
    single = by_lineage(hierarchy(1, 1, 3, 3), "fold", 0)
    assert [len(single[name]) for name in ("train", "validation", "test")] == [9, 0, 0]
    pairs = by_lineage(hierarchy(200, 2, 1, 1), "fold", 0)
    assert len(pairs["train"]) == 200
    assert len(pairs["test"]) + len(pairs["validation"]) == 200
    assert 70 < len(pairs["test"]) < 130  # binomial of 200 and 1/2: more than four deviations


def test_a_split_depends_on_the_seed_and_on_names_alone():
    """The order of the file and other folds beside change no fold's split; another seed does."""
    proteins = hierarchy(4, 6, 1, 2)
    first = by_lineage(proteins, "fold", 7)
    again = by_lineage([*proteins[::-1], protein("other", "b.1.1.1")], "fold", 7)
    assert groups(first["test"], 3) == groups(again["test"], 3)
    assert groups(first["test"], 3) != groups(by_lineage(proteins, "fold", 8)["test"], 3)


def test_equal_sequences_are_drawn_to_one_side():
    """Of 100 sequences that stand twice each, 10 test, 10 validate, and both copies with them."""
    proteins = [
        protein(f"{copy}{i}", "", f"M{'ACDEFGHIKL'[i // 10]}{'ACDEFGHIKL'[i % 10]}")
        for i in range(100)
        for copy in "ab"
    ]
    splits = by_sequence(proteins, 0.1, 0)
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [160, 20, 20]
    sides = defaultdict(set)
    for name, members in splits.items():
        for member in members:
            sides[member.sequence].add(name)
    assert all(len(names) == 1 for names in sides.values())


def test_the_task_reads_a_file_of_domains(tmp_path):
    """Classes are the folds of the file, and a sequence of six superfamilies is in one split alone."""
    lines = [
        f">d{i:03d} a.{f}.{s}.1 (A:) made up\nmk{'acdefghikl'[i % 10] * (i + 1)}"
        for i, (f, s) in enumerate(itertools.product((1, 2), range(1, 7)))
    ]
    copies = [f">e{s} a.1.{s}.1 (A:) a copy of one protein in every superfamily\nwwwww" for s in range(1, 7)]
    (tmp_path / "domains.fa").write_text("\n".join(lines + copies) + "\n")
    task = RemoteHomology(source="scope", scope_file="domains.fa", data_root=tmp_path)
    assert task.target.names == ("a.1", "a.2")
    splits = {name: task.split(name) for name in ("train", "validation", "test")}
    sequences = {name: {split[i][0] for i in range(len(split))} for name, split in splits.items()}
    assert not sequences["test"] & (sequences["train"] | sequences["validation"])
    assert not sequences["validation"] & sequences["train"]
    assert splits["validation"].left_out["in train too"] == 1
    assert splits["test"].left_out["in train too"] == 1


def test_a_missing_file_and_a_single_fold_are_refused(tmp_path):
    """The message says where the file belongs and names the sample; one fold is no classification."""
    with pytest.raises(InputError, match=r"scop\.berkeley\.edu.*source=sample"):
        RemoteHomology(source="scope", data_root=tmp_path)
    (tmp_path / "one.fa").write_text(">d1 a.1.1.1 (A:) x\nmkv\n")
    with pytest.raises(ValueError, match="not two different names"):
        RemoteHomology(source="scope", scope_file="one.fa", data_root=tmp_path)
