"""The synthetic sample: as its program makes it, small, and split so that folds alone are shared."""

from pathlib import Path

import pytest

import fpt_proteins
from fpt_proteins.fasta import read_fasta
from fpt_proteins.sample import FAMILIES, FOLDS, MEMBERS, SUPERFAMILIES, sample_fasta
from fpt_proteins.tasks import RemoteHomology

SAMPLE = Path(fpt_proteins.__file__).with_name("sample.fasta")
SPLITS = ("train", "validation", "test")


def test_the_file_is_what_its_program_prints():
    """Line for line, so that nothing in it is of unknown origin."""
    assert SAMPLE.read_text() == "\n".join(sample_fasta()) + "\n"


def test_it_is_small_and_says_that_it_is_synthetic():
    """Less than a megabyte; every one of the 480 headers says that no organism has the protein."""
    assert SAMPLE.stat().st_size < 1_000_000
    records = read_fasta(SAMPLE, lowercase=True)
    assert len(records) == len(FOLDS) * SUPERFAMILIES * FAMILIES * MEMBERS == 480
    assert all("Synthetic, no organism has it" in record.header for record in records)


def test_no_superfamily_is_in_two_splits():
    """Of each fold three superfamilies train, one validates and one tests, by the headers."""
    task = RemoteHomology(source="sample")
    superfamily = {
        r.identifier: r.header.split()[1].rpartition(".")[0] for r in read_fasta(SAMPLE, lowercase=True)
    }
    held = {name: {superfamily[i] for i in task.split(name).identifiers} for name in SPLITS}
    assert [len(held[name]) for name in SPLITS] == [24, 8, 8]
    assert not held["train"] & held["validation"]
    assert not held["train"] & held["test"]
    assert not held["validation"] & held["test"]


@pytest.mark.parametrize("level", ["fold", "superfamily", "family"])
def test_no_sequence_is_in_two_splits(level):
    """At every level the three splits have no sequence in common, and together all 480 proteins."""
    task = RemoteHomology(source="sample", test=level)
    sequences = [{sequence for sequence, _ in task.split(name)} for name in SPLITS]
    assert sum(len(task.split(name)) for name in SPLITS) == 480
    assert len(set().union(*sequences)) == sum(map(len, sequences))


def test_another_seed_holds_other_superfamilies_out():
    """Which superfamilies test depends on ``data_seed``."""
    first, second = (
        RemoteHomology(source="sample", data_seed=seed).split("test").identifiers for seed in (0, 1)
    )
    assert first != second
