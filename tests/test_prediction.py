"""Answers for the user's own files and JSON lines."""

import io

import pytest

from fpt_plugins import InputError
from fpt_plugins.prediction import BATCH, predict, read_files, read_lines


class Words:
    """A task whose JSON samples are lists of numbers and whose files hold one number per line."""

    def parse(self, value):
        if not isinstance(value, list):
            raise InputError("not a list", "write [1, 2]", where="field numbers")
        return value

    def read(self, path):
        for number, line in enumerate(path.read_text().split(), start=1):
            yield f"{path.name}:{number}", [int(line)]


class Doubling:
    """Stands for an arm: it doubles, takes at most a batch, and refuses negative numbers as the core does."""

    def __init__(self):
        self.calls = []

    def predict(self, samples):
        self.calls.append(len(samples))
        for place, sample in enumerate(samples):
            if min(sample) < 0:
                raise InputError("too small", "take larger ones", where=f"sample {place}")
        return [{"values": [2 * number for number in sample]} for sample in samples]


def lines(text):
    return list(read_lines(Words(), io.StringIO(text), "standard input"))


def test_lines_are_named_by_their_own_id_or_their_number():
    """An object's ``id`` comes first, else the line's number counts, blank lines included."""
    task = Words()
    task.parse = lambda value: value
    text = '[1]\n\n  \n{"id": "x", "n": 2}\n{"id": 7}\n{"n": 3}\n'
    found = list(read_lines(task, io.StringIO(text), "standard input"))
    assert found == [("1", [1]), ("x", {"n": 2}), ("7", {}), ("6", {"n": 3})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]\n[1,]\n", "^standard input, line 2: not JSON: "),
        ("nonsense", "^standard input, line 1: not JSON: "),
        ("[" * 100_000, "^standard input, line 1: not JSON: "),
        ("[1]\n\n{}\n", "^standard input, line 3: field numbers: not a list\n  write"),
    ],
    ids=["comma", "text", "deep", "no sample"],
)
def test_a_wrong_line_is_named(text, message):
    """The message has the source, the line, the task's own reason and its remedy."""
    with pytest.raises(InputError, match=message):
        lines(text)


def test_lines_before_a_wrong_one_are_read():
    """Reading is lazy: what came before has already been handed out."""
    reading = read_lines(Words(), io.StringIO("[1]\n[2]\noops\n"), "standard input")
    assert [next(reading), next(reading)] == [("1", [1]), ("2", [2])]


def test_files_of_the_modality_and_json_lines_may_be_mixed(tmp_path):
    """Each file is read in its own way, in the order given; a byte-order mark is no content."""
    (tmp_path / "a.txt").write_text("3\n4\n")
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf[5]\r\n[6]\n")
    found = list(read_files(Words(), [tmp_path / "b.jsonl", tmp_path / "a.txt"]))
    assert found == [("1", [5]), ("2", [6]), ("a.txt:1", [3]), ("a.txt:2", [4])]


def test_a_missing_file_is_named(tmp_path):
    """The path that was given stands in the message."""
    with pytest.raises(InputError, match=r"gone\.jsonl: there is no such file"):
        list(read_files(Words(), [tmp_path / "gone.jsonl"]))


def test_a_file_in_another_encoding_is_named(tmp_path):
    """Bytes that are no UTF-8 are an ``InputError``, not a traceback."""
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b"[1]\n" * 5000 + b'"\xe9"\n')
    with pytest.raises(InputError, match=rf"{path}, after line \d+: not UTF-8"):
        list(read_files(Words(), [path]))


@pytest.mark.parametrize("count", [0, 1, BATCH, 2 * BATCH + 1])
def test_every_sample_is_answered_once_in_order(count):
    """However many there are, each gets its own answer under its own name, in batches."""
    arm = Doubling()
    answers = list(predict(arm, ((f"n{i}", [i]) for i in range(count))))
    assert answers == [{"id": f"n{i}", "values": [2 * i]} for i in range(count)]
    assert sum(arm.calls) == count
    assert len(arm.calls) == -(-count // BATCH)


def test_answers_come_before_all_is_read():
    """An endless stream is answered batch by batch."""
    endless = ((str(i), [i]) for i in iter(int, 1))
    assert next(predict(Doubling(), endless)) == {"id": "0", "values": [0]}


def test_a_sample_that_is_refused_is_named_by_its_identifier():
    """Not by its place in a batch that the user never sees."""
    samples = [(f"protein {i}", [-1 if i == BATCH + 3 else i]) for i in range(2 * BATCH)]
    with pytest.raises(InputError) as caught:
        list(predict(Doubling(), samples))
    assert str(caught.value) == f"sample protein {BATCH + 3}: too small\n  take larger ones"
