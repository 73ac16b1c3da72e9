"""The task as the core sees it: declarations, samples, tokens, floors, and a user's own files."""

import collections
import os
import pickle
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pluggy
import pytest
import torch

from fpt_listops import hooks
from fpt_listops.tasks import Lra
from fpt_plugins import InputError, UnknownName, hookspecs
from fpt_plugins.options import build, describe

SMALL = {"min_length": 10, "max_length": 80, "max_depth": 5, "train_size": 1500, "validation_size": 400}
NAMES = [
    "chance",
    "majority class",
    "root operator alone",
    "root operator and its own digits",
]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A laptop-size set that the tests of this file share."""
    return Lra(data_root=tmp_path_factory.mktemp("data"), test_size=300, **SMALL)


def words(ids):
    return [("[MIN", "[MAX", "[MED", "[SM", "]", *"0123456789")[i] for i in ids]


def test_readme_example_prints_what_it_says(tmp_path):
    """The Python of the README, run as it stands, prints the lines that follow it there."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code, rest = readme.partition("```python\n")[2].split("```\n", maxsplit=1)
    printed = re.match(r"\n((?:    .*\n)+)", rest)[1]
    environment = os.environ | {"FPT_DATA": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert ran.stdout == textwrap.dedent(printed)


def test_hooks_satisfy_the_contract():
    """Every hook is one that the core knows, and the task bears the entry point's name."""
    manager = pluggy.PluginManager("fpt_plugins")
    manager.add_hookspecs(hookspecs)
    manager.register(hooks)
    manager.check_pending()
    assert manager.hook.fpt_tasks() == [[Lra]]
    assert Lra.name == "listops/lra"


def test_listing_imports_nothing_heavy():
    """The hooks and the task class come without torch, NumPy or h5py."""
    code = (
        "import sys; from fpt_listops import hooks; hooks.fpt_tasks()\n"
        "print([name for name in ('torch', 'numpy', 'h5py') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_declarations():
    """Ten classes, read at the last token, at the paper's rate and batch, of at most 1,999 tokens."""
    task = Lra()
    assert task.sequence.size == 15
    assert task.sequence.max_length == 1999
    assert task.target.names == tuple("0123456789")
    assert task.readout.positions == 1
    assert (task.recipe.lr, task.recipe.batch_size) == (1e-3, 16)
    paper = Lra(variant="paper")
    assert (paper.sequence.size, paper.sequence.max_length) == (14, 512)
    assert Lra(variant="paper", **SMALL).sequence.max_length == 79


def test_options_are_read_from_words_and_checked():
    """Options come from a command line with help, validators and the nearest names."""
    assert build(Lra, {"max_length": "800", "variant": "paper"}, owner="listops/lra").max_length == 800
    assert all(option.help for option in describe(Lra))
    with pytest.raises(UnknownName, match="min_length"):
        build(Lra, {"min_lenght": "1"}, owner="listops/lra")
    for name, value in [
        ("max_args", "1"),
        ("variant", "short"),
        ("data_seed", "-1"),
        ("operator_probability", "nan"),
    ]:
        with pytest.raises(Exception, match=f"{name}|{value}") as refusal:
            build(Lra, {name: value}, owner="listops/lra")
        assert type(refusal.value).__name__ == "ConfigurationError"


def test_splits_are_map_style_datasets(task):
    """Length, positive and negative places, the end, iteration and labels agree."""
    split = task.split("validation")
    assert len(split) == len(list(split)) == 400
    np.testing.assert_array_equal(split[-1][0], split[399][0])
    for place in (400, -401):
        with pytest.raises(IndexError):
            split[place]
    assert {label for _, label in split} == set(range(10))
    assert all(10 < len(ids) < 80 and ids.dtype == np.uint8 for ids, _ in split)


def test_items_are_fresh(task):
    """Writing into an item leaves the dataset as it was."""
    split = task.split("test")
    before = split[0][0].copy()
    split[0][0][:] = 0
    np.testing.assert_array_equal(split[0][0], before)


def test_a_split_survives_pickling(task):
    """A spawned DataLoader worker gets the same items."""
    split = task.split("test")
    copy = pickle.loads(pickle.dumps(split))  # noqa: S301 # written a moment ago, as a DataLoader does
    np.testing.assert_array_equal(copy[7][0], split[7][0])
    loader = torch.utils.data.DataLoader(split, batch_size=None)
    assert [int(label) for _, label in loader] == split.labels.tolist()


def test_tokens_of_the_full_form(task):
    """Tokens are the words of the file without its parentheses, at their places in the vocabulary."""
    split = task.split("test")
    path = next((task.data_root / "listops").iterdir()) / "basic_test.tsv"
    sources = [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]
    tokens = hooks.fpt_tokenize(task, [split[i][0] for i in range(20)])
    for found, source in zip(tokens, sources, strict=False):
        expected = [word for word in source.split() if word not in "()"]
        assert [task.sequence.vocabulary[i] for i in found] == expected
    assert tokens.lengths.max() <= task.sequence.max_length


def test_tokens_of_the_paper_form(task):
    """The paper's tokens are the letters and digits of the file alone, cut at 512."""
    paper = Lra(variant="paper")
    sample = paper.parse({"expression": "[MAX 2 9 [MIN 4 7 ] 0 ]"})
    long = paper.parse({"expression": "[SM " + "8 " * 700 + "]"})
    tokens = hooks.fpt_tokenize(paper, [sample, long])
    vocabulary = paper.sequence.vocabulary
    assert [vocabulary[i] for i in tokens[0]] == ["MAX", "2", "9", "MIN", "4", "7", "0"]
    assert [vocabulary[i] for i in tokens[1]] == ["SM", *["8"] * 511]


def test_a_sample_alone_is_the_sample_in_company(task):
    """Tokens of a sample do not depend on what else is tokenized."""
    samples = [task.split("test")[i][0] for i in range(5)]
    together = hooks.fpt_tokenize(task, samples)
    for sample, found in zip(samples, together, strict=True):
        np.testing.assert_array_equal(hooks.fpt_tokenize(task, [sample])[0], found)


def brute_force(train, scored, clue):
    """The accuracy of the most frequent label per clue, by plain dictionaries."""
    table = collections.defaultdict(collections.Counter)
    everything = collections.Counter(label for _, label in train)
    for ids, label in train:
        table[clue(words(ids))][label] += 1
    right = 0
    for ids, label in scored:
        known = table.get(clue(words(ids)), everything)
        right += min((-n, value) for value, n in known.items())[1] == label  # ties: the smallest label
    return right / len(scored)


def own_digits(text):
    """Digits that stand directly under the root, by counting brackets."""
    depth, found = 0, []
    for word in text:
        depth += word.startswith("[") - (word == "]")
        if word.isdigit() and depth == 1:
            found.append(word)
    return found


def root_and_extreme(text):
    digits = own_digits(text)
    if text[0] == "[MIN" and digits:
        return text[0], min(digits)
    return (text[0], max(digits)) if text[0] == "[MAX" and digits else (text[0], None)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_floors_equal_brute_force(task, split):
    """Each floor is what a predictor of dictionaries, chosen on training data, scores on that split."""
    train, scored = list(task.split("train")), list(task.split(split))
    clues = (lambda text: None, lambda text: text[0], root_and_extreme)
    expected = [0.1, *(brute_force(train, scored, clue) for clue in clues)]
    floors = task.floors(split)
    assert [floor.name for floor in floors] == NAMES
    assert [floor.value for floor in floors] == pytest.approx(expected)
    assert {floor.metric for floor in floors} == {task.metrics[0].name}


def test_floors_at_lra_parameters(tmp_path):
    """With LRA's grammar: majority 17.0 %, root operator 36.3 %, with the root's own digits 43.4 %.

    The figures are simulations of LRA's own generator by another program; the tolerance, four
    standard errors of 3,000 rows, is 3.6 points.
    """
    task = Lra(data_root=tmp_path, train_size=3000, validation_size=1, test_size=1)
    values = [floor.value for floor in task.floors("train")]
    assert values == pytest.approx([0.1, 0.170, 0.363, 0.434], abs=0.036)


def test_floors_of_the_paper_form(task):
    """Without brackets the root's own digits cannot be told apart, so that floor is not claimed."""
    paper = Lra(data_root=task.data_root, variant="paper", test_size=300, **SMALL)
    assert [floor.name for floor in paper.floors("validation")] == NAMES[:3]


def test_parse_takes_both_forms():
    """An expression may come plain or binarized; it is the same sample."""
    plain = Lra().parse({"expression": "[MAX 2 9 ]"})
    assert plain.tolist() == Lra().parse({"expression": "( ( ( [MAX 2 ) 9 ) ] )"}).tolist() == [1, 7, 14, 4]


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "[MAX 2 9 ]",
        ["[MAX 2 9 ]"],
        {},
        {"expression": 7},
        {"text": "1"},
        {"expression": "1", "x": 1},
    ],
)
def test_parse_refuses_other_values(value):
    """Anything but one expression under its name is refused, with the form that is wanted."""
    with pytest.raises(InputError, match="a sample is"):
        Lra().parse(value)


def test_parse_refuses_malformed_and_overlong_expressions():
    """A malformed expression and one beyond the task's length are refused."""
    with pytest.raises(InputError, match="token 2"):
        Lra().parse({"expression": "[MAX 2"})
    with pytest.raises(InputError, match="2001 tokens; it may have 1 to 1999"):
        Lra().parse({"expression": "[MAX " + "1 " * 1999 + "]"})
    with pytest.raises(InputError, match="200001 tokens"):
        Lra().parse({"expression": "[MAX " * 100_000 + "1" + " ]" * 100_000})


def test_read_takes_tables_and_text(tmp_path):
    """A user's table in LRA's form and a text file give samples with their lines as identifiers."""
    table, text = tmp_path / "mine.TSV", tmp_path / "mine.txt"
    table.write_bytes(b"Source\tTarget\r\n( ( ( [MAX 2 ) 9 ) ] )\t9\r\n")
    text.write_bytes(b"[MAX 2 9 ]\n7\n")
    assert [(name, ids.tolist()) for name, ids in Lra().read(table)] == [("line 2", [1, 7, 14, 4])]
    assert [(name, ids.tolist()) for name, ids in Lra().read(text)] == [
        ("line 1", [1, 7, 14, 4]),
        ("line 2", [12]),
    ]


def test_read_refuses_a_wrong_label(tmp_path):
    """A user's table with a wrong label is refused with its line."""
    table = tmp_path / "mine.tsv"
    table.write_bytes(b"Source\tTarget\r\n( ( ( [MAX 2 ) 9 ) ] )\t2\r\n")
    with pytest.raises(
        InputError, match=r"mine\.tsv, line 2: the label is 2, but the expression's value is 9"
    ):
        list(Lra().read(table))
