"""The user's own FASTA and table of labels: joined by name, split as the table says or by the seed."""

import pickle

import pytest

from fpt_plugins import ConfigurationError, InputError
from fpt_proteins.tasks import Fasta

SPLITS = ("train", "validation", "test")
LETTERS = "ACDEFGHIKL"


class Files:
    """A FASTA file and a table."""

    def __init__(self, folder):
        self.fasta, self.labels = folder / "proteins.fasta", folder / "labels.tsv"

    def write(self, proteins, rows, separator="\t"):
        self.fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in proteins))
        self.labels.write_text("".join(separator.join(row) + "\n" for row in rows))
        return self

    def write_many(self, count):
        """Proteins p0, p1, ... of different sequences; every third is a toxin."""
        proteins = [(f"p{i}", f"M{LETTERS[i // 10]}{LETTERS[i % 10]}") for i in range(count)]
        rows = [("id", "label"), *((f"p{i}", "enzyme" if i % 3 else "toxin") for i in range(count))]
        return self.write(proteins, rows)

    def task(self, **options):
        return Fasta(fasta=self.fasta, labels=self.labels, **options)

    def refusal(self):
        with pytest.raises(InputError) as caught:
            self.task().split("train")
        return str(caught.value).replace(str(self.fasta), "FASTA").replace(str(self.labels), "TABLE")


@pytest.fixture
def files(tmp_path):
    """No files yet."""
    return Files(tmp_path)


def items(split):
    return [split[index] for index in range(len(split))]


@pytest.mark.parametrize("separator", ["\t", ","])
def test_the_tables_splits_are_kept(files, separator):
    """Each protein is where its line says, with the place of its label among the sorted ones."""
    proteins = [("a", "MKV"), ("b", "ACD"), ("c", "WYW"), ("d", "GGG")]
    rows = [
        ("id", "label", "split"),
        ("d", "toxin", "test"),
        ("a", "toxin", "train"),
        ("b", "enzyme", "train"),
    ]
    task = files.write(proteins, [*rows, ("c", "enzyme", "validation")], separator).task()
    assert task.target.names == ("enzyme", "toxin")
    assert items(task.split("train")) == [("MKV", 1), ("ACD", 0)]
    assert items(task.split("validation")) == [("WYW", 0)]
    assert items(task.split("test")) == [("GGG", 1)]


def test_without_a_split_column_the_seed_draws_shares_of_the_sequences(files):
    """Of 60 different sequences 12 test, 12 validate, each once; the seed decides which, not the order."""
    task = files.write_many(60).task(held_out=0.2)
    drawn = {name: {sequence for sequence, _ in items(task.split(name))} for name in SPLITS}
    assert [len(drawn[name]) for name in SPLITS] == [36, 12, 12]
    assert len(set().union(*drawn.values())) == 60
    other = {sequence for sequence, _ in items(files.task(held_out=0.2, data_seed=1).split("test"))}
    assert other != drawn["test"]
    backwards = files.fasta.read_text().split(">")[:0:-1]
    files.fasta.write_text("".join(f">{record}" for record in backwards))
    assert {sequence for sequence, _ in items(files.task(held_out=0.2).split("test"))} == drawn["test"]


def test_equal_sequences_are_never_on_two_sides(files):
    """A sequence that the table puts in all splits stays in training; the others say so."""
    proteins = [("a", "MKV"), ("b", "MKV"), ("c", "MKV"), ("d", "ACD"), ("e", "WYW")]
    rows = [("id", "label", "split"), ("a", "x", "train"), ("b", "x", "validation"), ("c", "x", "test")]
    task = files.write(proteins, [*rows, ("d", "y", "validation"), ("e", "y", "test")]).task()
    assert [items(task.split(name)) for name in SPLITS] == [[("MKV", 0)], [("ACD", 1)], [("WYW", 1)]]
    assert task.split("test").left_out == {"in train too": 1, "in validation too": 0}


def test_given_classes_need_no_table_and_bind_it(files):
    """With ``classes`` the target needs no files; a table with another label is refused."""
    assert Fasta(classes="toxin/enzyme").target.names == ("toxin", "enzyme")
    task = files.write_many(30).task(classes="toxin/enzyme")
    assert {label for sequence, label in items(task.split("train")) if sequence == "MAA"} <= {0}
    with pytest.raises(InputError, match="proteins/fasta has no class 'toxin'"):
        files.task(classes="enzyme/carrier").split("train")


def test_without_files_the_options_are_named():
    """The task can be made and listed without files; what needs them says which options are missing."""
    with pytest.raises(ConfigurationError, match="--option labels=FILE"):
        _ = Fasta().target
    with pytest.raises(ConfigurationError, match="--option fasta=FILE"):
        Fasta(classes="a/b").split("train")


@pytest.mark.parametrize("classes", ["one", "a/a", "a//b", "a/"])
def test_classes_are_two_different_names_or_more(classes):
    """One name, an empty one and one that stands twice are refused."""
    with pytest.raises(ValueError, match="not two different names"):
        Fasta(classes=classes)


@pytest.mark.parametrize(
    ("table", "message"),
    {
        "empty": ("", "TABLE: the file is empty"),
        "no header": ("a\tx\nb\ty\n", "TABLE, line 1: the first line is 'a\\tx'"),
        "other columns": ("name\tlabel\na\tx\n", "TABLE, line 1: the first line is"),
        "a header with an open quote": ('id,"label\n', "TABLE, line 1: 'id,\"label': unexpected end of data"),
        "a column too many": ("id\tlabel\tsplit\tnote\n", "TABLE, line 1: the first line is"),
        "a value too few": ("id\tlabel\na\tx\nb\n", "TABLE, line 3: 'b' has not 2 values"),
        "a value too many": (
            "id\tlabel\na\tx\ttrain\nb\ty\n",
            "TABLE, line 2: 'a\\tx\\ttrain' has not 2 values",
        ),
        "an empty label": ("id\tlabel\na\t\nb\ty\n", "TABLE, line 2: 'a\\t' has not 2 values"),
        "an empty line": ("id\tlabel\na\tx\n\nb\ty\n", "TABLE, line 3: '' has not 2 values"),
        "other separators": ("id\tlabel\na,x\nb,y\n", "TABLE, line 2: 'a,x' has not 2 values"),
        "an open quote": ('id,label\na,"x\nb,y\n', "TABLE, line 2: 'a,\"x': unexpected end of data"),
        "a name twice": (
            "id\tlabel\na\tx\na\ty\n",
            "TABLE, line 3: a second label of a; the first is at TABLE, line 2",
        ),
        "a slash": ("id\tlabel\na\tx/y\nb\ty\n", "TABLE, line 2: the label 'x/y' has a '/' in it"),
        "another split": ("id\tlabel\tsplit\na\tx\tdev\n", "TABLE, line 2: the split 'dev' is none of train"),
        "UTF-16": ("id\tlabel\na\tx\n".encode("utf-16"), "TABLE, line 1: the text is UTF-16"),
        "no such protein": ("id\tlabel\na\tx\nb\ty\nc\ty\n", "TABLE, line 4: c is not in the FASTA file"),
        "no label": ("id\tlabel\na\tx\nc\ty\n", "FASTA, record 2, line 3: b has no label in TABLE"),
    }.values(),
)
def test_malformed_tables_are_refused_by_line(files, table, message):
    """Each kind of bad table is refused where it is bad; the lines were counted by hand."""
    files.write([("a", "MKV"), ("b", "ACD")], [])
    files.labels.write_bytes(table if isinstance(table, bytes) else table.encode())
    assert files.refusal().startswith(message)


def test_a_missing_table_and_a_bad_record_are_refused(files):
    """No table is no file, and a malformed FASTA file is refused through the task too."""
    assert files.refusal() == "TABLE: there is no such file"
    files.write([("a", "MKV"), ("b", "MK7")], [("id", "label"), ("a", "x"), ("b", "y")])
    assert files.refusal().startswith("FASTA, record 2, line 4: residue 3 is '7'")


def test_too_few_proteins_for_a_split_are_refused(files):
    """Of three sequences a tenth is none: the split that is empty is named."""
    files.write_many(3)
    with pytest.raises(InputError, match="proteins/fasta has too few proteins: none is left for test"):
        files.task().split("test")


def test_a_split_is_an_ordinary_dataset(files):
    """Length, negative and missing indices, iteration and pickling are those of a list."""
    split = files.write_many(30).task().split("train")
    assert len(split) == len(list(split)) == 24
    assert split[-1] == split[23]
    for index in (24, -25):
        with pytest.raises(IndexError):
            split[index]
    assert items(pickle.loads(pickle.dumps(split))) == items(split)  # noqa: S301 # our own


def test_the_task_is_what_its_options_are(files):
    """Equal options make equal tasks, and the names of the classes are among the options."""
    task = files.write_many(30).task()
    assert task == files.task()
    assert task.classes == "enzyme/toxin"
    assert task != files.task(held_out=0.2)
