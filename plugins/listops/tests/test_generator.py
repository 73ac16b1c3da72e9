"""The generator against an independent one, and LRA's published figures."""

import random
import re

import numpy as np
import pytest

from fpt_listops.expression import encode, evaluate
from fpt_listops.generation import PUBLISHED, Grammar
from fpt_listops.generator import TREES, draw
from fpt_listops.vocabulary import SYMBOLS
from fpt_plugins import ConfigurationError

SMALL = Grammar(min_length=10, max_length=60, max_depth=4, max_args=5, operator_probability=0.4)


def grow(source, grammar, depth=1):
    """One tree as plain text and its length, by recursion: a digit is 1, an operator 2 and its arguments."""
    if depth == grammar.max_depth or source.random() > grammar.operator_probability:
        return str(source.randrange(10)), 1
    parts = [grow(source, grammar, depth + 1) for _ in range(source.randint(2, grammar.max_args))]
    operator = source.choice(["[MIN", "[MAX", "[MED", "[SM"])
    return f"{operator} {' '.join(text for text, _ in parts)} ]", 2 + sum(length for _, length in parts)


def text_of(ids):
    return " ".join(SYMBOLS[i] for i in ids)


def deepest(ids):
    """Levels of the tree: one more than the operators open at once, by counting."""
    depth, most = 0, 0
    for i in ids.tolist():
        depth += (i < 4) - (i == 4)
        most = max(most, depth)
    return most + 1


def widest(text):
    """The most arguments of an operator, by replacing innermost operators with digits."""
    most = 0
    while found := re.search(r"\[\w+ ([0-9 ]+) \]", text):
        most = max(most, len(found[1].split()))
        text = text[: found.start()] + "0" + text[found.end() :]
    return most


def test_equals_recursion_in_distribution():
    """Share accepted, mean length and labels are a recursive generator's, to four standard errors."""
    source, trees = random.Random(5), 30_000
    theirs = [grow(source, SMALL) for _ in range(trees)]
    theirs = [encode(text, limit=60) for text, length in theirs if 10 < length < 60]
    ours = [ids for forest in range(8) for ids in draw(SMALL, 5, forest)]
    share = len(theirs) / trees
    assert len(ours) / (8 * TREES) == pytest.approx(share, abs=4 * (2 * share / trees) ** 0.5)
    lengths = [len(ids) for ids in theirs]
    assert np.mean([len(ids) for ids in ours]) == pytest.approx(
        np.mean(lengths), abs=4 * np.std(lengths) * (2 / len(theirs)) ** 0.5
    )
    found, asked = (
        np.bincount([evaluate(ids) for ids in side], minlength=10) / len(side) for side in (ours, theirs)
    )
    assert (np.abs(found - asked) < 4 * np.sqrt(2 * asked * (1 - asked) / len(theirs))).all()


def test_every_expression_obeys_the_grammar():
    """Lengths, levels and arguments reach the bounds of the grammar and never pass them."""
    drawn = draw(SMALL, 0, 0)[:3000]
    assert {len(ids) for ids in drawn} >= {11, 59}
    assert all(len(encode(text_of(ids), limit=59)) > 10 for ids in drawn)  # well formed, too
    assert max(map(deepest, drawn)) == 4
    assert max(widest(text_of(ids)) for ids in drawn) == 5


def test_length_counts_two_per_operator():
    """A tree's tokens are its digits and two per operator, which is how LRA counts; none is a parenthesis."""
    for ids in draw(SMALL, 1, 0)[:200]:
        words = text_of(ids).split()
        digits, operators = sum(map(str.isdigit, words)), sum(word.startswith("[") for word in words)
        assert len(words) == digits + 2 * operators


def test_lra_parameters_give_lra_figures():
    """At LRA's parameters: 8.3 % accepted, median length 961, label 0 or 9 17 %, 148 operators.

    The figures are a simulation of LRA's own generator (20,000 accepted trees); tolerances are four
    standard errors of the 2,700 or so trees drawn here.
    """
    forests = [draw(PUBLISHED.grammar, 3, forest) for forest in range(8)]
    drawn = [ids for forest in forests for ids in forest]
    lengths = [len(ids) for ids in drawn]
    labels = np.bincount([evaluate(ids) for ids in drawn], minlength=10) / len(drawn)
    assert len(drawn) / (8 * TREES) == pytest.approx(0.083, abs=0.006)
    assert 500 < min(lengths) < 520
    assert 1950 < max(lengths) < 2000
    assert np.median(lengths) == pytest.approx(961, abs=40)
    assert np.mean([(ids < 4).sum() for ids in drawn]) == pytest.approx(148, abs=6)
    assert labels[0] == pytest.approx(0.170, abs=0.03)
    assert labels[9] == pytest.approx(0.167, abs=0.03)


def test_a_forest_depends_on_its_key_alone():
    """The same key draws the same forest, another key another one."""
    first, again, other = (text_of(draw(SMALL, 0, key)[0]) for key in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_length": 58, "max_length": 59}, "no length is above min_length=58"),
        ({"max_depth": 2, "max_args": 5}, "at most 7 tokens"),
        ({"max_depth": 1}, "at most 1 tokens"),
    ],
)
def test_an_empty_grammar_is_refused(change, message):
    """A grammar that no tree can meet is refused when it is made, with the numbers that clash."""
    options = {"min_length": 10, "max_length": 60, "max_depth": 4, "max_args": 5, "operator_probability": 0.4}
    with pytest.raises(ConfigurationError, match=message):
        Grammar(**options | change)


def test_a_grammar_may_be_deep():
    """A million levels cost no recursion and no loop beyond the last node."""
    deep = Grammar(min_length=300, max_length=400, max_depth=10**6, max_args=2, operator_probability=0.55)
    assert max(map(deepest, draw(deep, 0, 0))) > 20
