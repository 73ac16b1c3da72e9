"""The expression language: ids, evaluation, LRA's binarized form, and what is refused."""

import ast
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_listops.expression import binarize, encode, evaluate
from fpt_listops.vocabulary import PAPER_SYMBOLS, SYMBOLS, paper_form
from fpt_plugins import InputError

DIGIT = st.integers(0, 9).map(str)
EXPRESSION = st.recursive(
    DIGIT,
    lambda inner: st.tuples(
        st.sampled_from(["[MIN", "[MAX", "[MED", "[SM"]), st.lists(inner, min_size=1, max_size=6)
    ).map(lambda pair: f"{pair[0]} {' '.join(pair[1])} ]"),
    max_leaves=60,
)
FUNCTIONS = {
    "MIN": lambda *values: min(values),
    "MAX": lambda *values: max(values),
    "MED": lambda *values: int(np.median(values)),
    "SM": lambda *values: sum(values) % 10,
}


def python_source(text):
    """``[MAX 2 [MIN 4 7 ] ]`` as the Python expression ``MAX(2,MIN(4,7))``."""
    source = re.sub(r"\[(\w+) ", r"\1(", text).replace(" ]", ")")
    return source.replace(" ", ",")


def recursive_pairs(node):
    """LRA's binarized text of a Python syntax tree, by its definition: a list is paired from the left."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    text = f"[{node.func.id}"
    for argument in [*map(recursive_pairs, node.args), "]"]:
        text = f"( {text} {argument} )"
    return text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),  # the example of Nangia and Bowman, 2018
        ("[MED 1 2 ]", 1),  # int(np.median) drops the half
        ("[MED 9 1 4 6 ]", 5),
        ("[SM 9 9 9 ]", 7),
        ("[MIN 5 ]", 5),
        ("7", 7),
    ],
)
def test_known_values(text, value):
    """Values worked out by hand from the operators' definitions."""
    assert evaluate(encode(text, limit=100)) == value


@given(EXPRESSION)
@settings(max_examples=300, deadline=None)
def test_evaluation_equals_python(text):
    """Any expression has the value that Python's own parser and built-in functions give it."""
    expected = eval(python_source(text), dict(FUNCTIONS))  # noqa: S307 # digits and four names, made above
    assert evaluate(encode(text, limit=10_000)) == expected


@given(EXPRESSION)
@settings(max_examples=200, deadline=None)
def test_binarized_form_equals_its_definition(text):
    """The binarized form is the one that a recursion over Python's syntax tree writes, and reads back."""
    ids = encode(text, limit=10_000)
    binarized = recursive_pairs(ast.parse(python_source(text), mode="eval").body)
    assert binarize(ids) == binarized
    assert encode(binarized, limit=10_000).tolist() == ids.tolist()


def test_binarized_form_of_the_release():
    """A part of a row of LRA's release, as public code quotes it, is what we write for its expression."""
    released = "( ( ( ( ( [MIN 3 ) ( ( ( [MED 6 ) 1 ) ] ) ) 4 ) 5 ) ] )"
    assert binarize(encode("[MIN 3 [MED 6 1 ] 4 5 ]", limit=100)) == released


@given(EXPRESSION)
@settings(max_examples=100, deadline=None)
def test_ids_are_places_in_the_vocabulary(text):
    """Reading the vocabulary at each id gives the words of the text, in both forms."""
    ids = encode(text, limit=10_000)
    assert [SYMBOLS[i] for i in ids] == text.split()
    kept = [word.lstrip("[") for word in text.split() if word != "]"]
    assert [PAPER_SYMBOLS[i] for i in paper_form(ids)] == kept[:512]


def test_vocabularies():
    """Fifteen symbols with brackets and fourteen without, in an order that checkpoints rely on."""
    assert " ".join(SYMBOLS) == "[MIN [MAX [MED [SM ] 0 1 2 3 4 5 6 7 8 9"
    assert " ".join(PAPER_SYMBOLS) == "MIN MAX MED SM 0 1 2 3 4 5 6 7 8 9"


def test_paper_form_is_cut():
    """The paper's form ends after 512 tokens and leaves the sample itself as it was."""
    ids = encode("[MAX " + "7 " * 600 + "]", limit=1000)
    assert paper_form(ids).tolist() == [1, *[11] * 511]
    assert len(ids) == 602


@pytest.mark.parametrize("depth", [100_000])
def test_a_depth_bomb_is_evaluated(depth):
    """100,000 nested operators overflow no stack: the value is the innermost digit."""
    text = "[MIN " * depth + "3" + " ]" * depth
    ids = encode(text, limit=300_000)
    assert evaluate(ids) == 3
    binarized = "( ( [MIN " * depth + "3" + " ) ] )" * depth
    assert binarize(ids) == binarized
    assert len(encode(binarized, limit=300_000)) == 2 * depth + 1


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("", "", "0 tokens"),
        ("   ", "", "0 tokens"),
        ("[MAX 1 2", "token 3", "still open"),
        ("[MIN " * 100_000, "", "100000 tokens"),
        ("]", "token 1", "closes no operator"),
        ("] 1", "token 1", "closes no operator"),
        ("[MAX 1 ] ]", "token 4", "']' stands after"),
        ("[MAX 1 ] 2", "token 4", "'2' stands after"),
        ("1 2", "token 2", "'2' stands after"),
        ("[MAX 1 [MIN ] ]", "token 3", "'[MIN' has no argument"),
        ("[AVG 1 2 ]", "token 1", "'[AVG' is none of"),
        ("[MAX 1 12 ]", "token 3", "'12' is none of"),
        ("[MAX 1 2]", "token 3", "'2]' is none of"),
        ("[MAX 1 \u0663 ]", "token 3", "is none of"),
        ("[MAX 1 \0 ]", "token 3", "is none of"),
        ("[max 1 ]", "token 1", "'[max' is none of"),
        ("( ( ( [MAX 2 ) 9 ) ]", "", "word 10 is 'nothing', where the binarized form has ')'"),
        ("( ( [MAX 2 ) 9 ) ] )", "", "word 3 is '[MAX', where the binarized form has '('"),
        ("( 5 )", "", "word 1 is '(', where the binarized form has '5'"),
        ("5 )", "", "word 2 is ')', where the binarized form has 'nothing'"),
    ],
)
def test_malformed_expressions_are_refused(text, where, found):
    """Each malformed expression is an InputError with the token's number and what was found."""
    with pytest.raises(InputError) as refusal:
        encode(text, limit=50_000, where="f.tsv, line 3")
    assert refusal.value.where == ("f.tsv, line 3, " + where).rstrip(", ")
    assert found in refusal.value.message


def test_length_limit():
    """An expression of as many tokens as the limit is read, one of more is refused."""
    assert len(encode("[MAX 1 2 ]", limit=4)) == 4
    with pytest.raises(InputError, match="4 tokens; it may have 1 to 3"):
        encode("[MAX 1 2 ]", limit=3)


def test_a_long_unknown_token_is_shortened():
    """A message stays short whatever stands in the file."""
    with pytest.raises(InputError) as refusal:
        encode("x" * 10_000, limit=10)
    assert len(str(refusal.value)) < 300
