"""Text in three splits that share nothing, cut into samples."""

import itertools

import pytest

from fpt_plugins import InputError, build
from fpt_plugins.data import read_split
from fpt_text.dataset import NextBytes, windows
from fpt_text.passages import divide, passages
from fpt_text.tasks import Bytes

SPLITS = ("train", "validation", "test")
SHARES = {"test": 0.25, "validation": 0.25, "train": 1.0}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"a",
        b"one\n\n two\n \t\n\n\nthree\n",
        b"x" * 10_000,
        b"\n" * 9000,
        b"\r\n\r\na\r\n\r\nb",
        b"a\n\n" * 5000,
    ],
)
def test_passages_sum_to_the_document(document):
    """Nothing is lost, doubled or moved, and none is longer than 4,096 bytes and a blank line."""
    found = passages(document)
    assert b"".join(found) == document
    assert all(0 < len(passage.rstrip()) <= 4096 or not passage.strip() for passage in found)


def test_a_repeated_passage_stands_in_one_split():
    """Two documents that quote each other at other places share no passage across splits."""
    quoted = [b"passage %d\n\n" % number for number in range(300)]
    documents = [b"".join(quoted), b"another beginning\n\n" + b"".join(quoted[::-1])]
    texts = divide(documents, SHARES, 0)
    found = {name: set(passages(text)) for name, text in texts.items()}
    assert set().union(*found.values()) == {*quoted, b"another beginning\n\n"}
    assert sum(map(len, found.values())) == 301


def test_shares_are_kept():
    """Of 4,000 passages each split has its share, within four standard deviations of the binomial."""
    texts = divide([b"".join(b"%d\n\n" % number for number in range(4000))], SHARES, 0)
    counts = {name: len(passages(text)) for name, text in texts.items()}
    for name, share in {"test": 0.25, "validation": 0.25, "train": 0.5}.items():
        assert abs(counts[name] - 4000 * share) < 4 * (4000 * share * (1 - share)) ** 0.5


def test_windows_predict_each_byte_once():
    """Inputs follow one another without a gap, and targets are the text from its second byte on."""
    text = bytes(range(200))
    items = [NextBytes(windows(text, 16))[place] for place in range(13)]
    assert b"".join(values.tobytes() for values, _ in items) == text[:-1]
    assert [byte for _, targets in items for byte in targets] == list(text[1:])
    assert windows(b"a", 16) == []


def test_no_sample_stands_in_two_splits(tmp_path):
    """Not even where text repeats itself within passages, at every length of sample."""
    lines = [b"%d\n" % (number % 7) for number in range(6000)]
    (tmp_path / "a.txt").write_bytes(b"".join(lines) + b"\n".join(b"word %d\n" % n for n in range(90)))
    for length in (4, 7, 64):
        task = Bytes(data_root=tmp_path, path="a.txt", length=length)
        found = {name: [values.tobytes() for values, _ in task.split(name)] for name in SPLITS}
        for one, other in itertools.combinations(SPLITS, 2):
            assert not set(found[one]) & set(found[other])
        assert all(len(set(samples)) == len(samples) > 0 for samples in found.values())


def test_the_default_splits_are_disjoint_passages():
    """Held-out text of the language reference is a tenth each, and no passage of it is trained on."""
    texts = Bytes()._texts()
    whole = sum(map(len, texts.values()))
    assert all(0.07 < len(texts[name]) / whole < 0.13 for name in ("validation", "test"))
    found = [passage for text in texts.values() for passage in passages(text)]
    assert len(set(found)) == len(found)


def test_a_lone_passage_leaves_a_split_empty(tmp_path):
    """Text of one passage has nothing to hold out: the core says which split is empty."""
    (tmp_path / "a.txt").write_text("too little\n")
    arm = build("text/bytes", backbone="none", data=tmp_path, options={"path": "a.txt"})
    with pytest.raises(InputError, match="the validation split of text/bytes is empty"):
        read_split(arm.plugins, arm.task, "validation", 0)
