"""TAPE's release in both forms: the splits it publishes, and what is no file of its."""

import pytest

import fpt_proteins.tape
from fpt_plugins import ConfigurationError, InputError
from fpt_proteins.tape_lmdb import read_lmdb
from fpt_proteins.tasks import RemoteHomology

SPLITS = ("train", "validation", "test")
FORMS = ("json", "lmdb")


def write_all(tape, form):
    """Five files of 30 records each, all different."""
    for place, part in enumerate(tape.PARTS):
        getattr(tape, f"write_{form}")(part, tape.records(30, start=30 * place))


def items(split):
    return [split[index] for index in range(len(split))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("test", "part"), [("fold", 2), ("superfamily", 3), ("family", 4)])
def test_each_split_is_the_published_file(tape, form, test, part):
    """Sequences and fold numbers of every split are those that were written to TAPE's file of it."""
    write_all(tape, form)
    task = RemoteHomology(source=f"tape-{form}", test=test, data_root=tape.data_root)
    for name, place in zip(SPLITS, (0, 1, part), strict=True):
        written = tape.records(30, start=30 * place)
        assert items(task.split(name)) == [(r["primary"], r["fold_label"]) for r in written]
        assert task.split(name).identifiers == [r["id"].decode() for r in written]


def test_the_target_is_tapes_folds():
    """There are 1,195 classes, named by TAPE's own numbers, with or without files."""
    names = RemoteHomology().target.names
    assert len(names) == 1195
    assert names[0] == "0"
    assert names[-1] == "1194"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_every_protocol_are_read(tape, protocol):
    """Records pickled by other Pythons are the same records."""
    folder = tape.write_lmdb("train", tape.records(12), protocol=protocol)
    assert [protein.sequence for protein in read_lmdb(folder)] == [r["primary"] for r in tape.records(12)]


def test_a_sequence_of_two_files_is_in_the_first_split_alone(tape):
    """Validation loses what training has, test what either has; how many is said."""
    shared, validating = tape.records(3), tape.records(2, start=100)
    tape.write_json("train", tape.records(10))
    tape.write_json("valid", validating + shared)
    tape.write_json("test_fold_holdout", [*shared, *validating, *tape.records(4, start=200)])
    task = RemoteHomology(data_root=tape.data_root)
    assert [len(task.split(name)) for name in SPLITS] == [10, 2, 4]
    assert task.split("validation").left_out == {"in train too": 3}
    assert task.split("test").left_out == {"in train too": 3, "in validation too": 2}


def test_the_papers_variant_leaves_long_proteins_out_and_tests_on_validation(tape):
    """At 8 tokens proteins of 6 residues stay and of 7 go; both other splits are TAPE's validation file."""
    proteins = [tape.record(n, n, "M" * length) for n, length in enumerate([5, 6, 7, 8])]
    tape.write_json("train", proteins)
    tape.write_json("valid", proteins[:3])
    task = RemoteHomology(variant="paper", max_length=8, data_root=tape.data_root)
    assert [len(task.split(name)) for name in SPLITS] == [2, 2, 2]
    assert task.split("train").left_out == {"longer than 8 tokens": 2}
    corrected = RemoteHomology(max_length=8, data_root=tape.data_root)
    assert len(corrected.split("train")) == 4


def test_options_that_do_not_go_together_are_refused():
    """The paper's variant has no other source or test, and TAPE's folds no other names."""
    for options in ({"source": "sample"}, {"test": "family"}):
        with pytest.raises(ConfigurationError):
            RemoteHomology(variant="paper", **options)
    with pytest.raises(ConfigurationError):
        RemoteHomology(classes="a.1/b.1")
    with pytest.raises(ValueError, match="source"):
        RemoteHomology(source="other")


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_file_is_named_with_where_it_belongs(tape, form):
    """The message has the file's path, the archive it comes from, and the sample."""
    with pytest.raises(InputError) as caught:
        RemoteHomology(source=f"tape-{form}", data_root=tape.data_root).split("train")
    message = str(caught.value)
    assert message.startswith(str(tape.folder / f"remote_homology_train.{form}"))
    assert f"in {tape.data_root};" in message
    assert "--option source=sample" in message


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_converted_once(tape, form, conversions, monkeypatch):
    """With a conversion, which is in our own folder, the file's own reader is not called again."""
    write_all(tape, form)
    before = sorted(tape.data_root.glob("remote_homology/**"))
    task = RemoteHomology(source=f"tape-{form}", data_root=tape.data_root)
    first = items(task.split("train"))
    assert len(list(conversions.iterdir())) == 1
    assert sorted(tape.data_root.glob("remote_homology/**")) == before
    forget = fpt_proteins.tape._read.cache_clear
    forget()
    monkeypatch.setattr(f"fpt_proteins.tape_{form}.read_{form}", None)
    assert items(task.split("train")) == first
    forget()
    with pytest.raises(TypeError):
        task.split("validation")
