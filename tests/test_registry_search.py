"""The registry from the command line: lists, one card, words and facts."""

import json
import subprocess
import sys

import pytest

from fpt_plugins import UnknownName
from fpt_plugins.registry_search import all_cards, cards_named, facts_of, search


def fpt(*words):
    """Runs ``python -m fpt_plugins registry``."""
    command = [sys.executable, "-m", "fpt_plugins", "registry", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(*words):
    """What a search finds."""
    return [card.name for card in search(words)]


def test_words_are_looked_for_in_all_that_a_card_says():
    """In any case, in every field; all of them must stand there."""
    assert names("WEBTEXT") == ["gpt2", "gpt2-large", "gpt2-medium", "gpt2-xl"]
    assert names("webtext", "medium") == ["gpt2-medium"]
    assert names("zebra") == []


def test_facts_are_compared():
    """By equality of words or items, by numbers, and within tables; a field that a card lacks is no match."""
    assert names("kind=backbone", "embed_dim>=1280") == ["gpt2-large", "gpt2-xl"]
    assert names("embed_dim<=384", "causal=false") == ["minilm"]
    assert names("tasks=listops/lra") == ["listops"]
    assert names("parameters.mlp>=5e8") == ["gpt2-xl"]
    assert names("summary>=3") == []


def test_an_unknown_fact_is_named():
    """With the nearest field."""
    with pytest.raises(UnknownName, match="'lyers'\n  did you mean layers"):
        search(["lyers>=3"])


def test_cards_are_found_by_name():
    """An unknown name is answered with the nearest ones."""
    assert [card.kind for card in cards_named("bits/xor")] == ["task"]
    with pytest.raises(UnknownName, match="did you mean gpt2"):
        cards_named("gptt2")


def test_the_list_has_every_card():
    """As JSON, each with its kind; one kind alone on request."""
    rows = json.loads(fpt("list", "--json").stdout)
    assert [(row["kind"], row["name"]) for row in rows] == [(card.kind, card.name) for card in all_cards()]
    assert {row["kind"] for row in json.loads(fpt("list", "run", "--json").stdout)} == {"run"}


def test_a_card_is_shown_with_the_way_to_it():
    """A task's facts, and its plugin's install line."""
    shown = fpt("show", "images/digits").stdout
    for words in ("6ebb3d2f", "chance", "\npip install ./plugins/images\n", "fpt train images/digits"):
        assert words in shown


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_cards_are_shown_whole(width, monkeypatch):
    """However narrow the terminal, nothing that a card says is cut off: lines are broken instead."""
    monkeypatch.setenv("COLUMNS", str(width))
    said = facts_of(cards_named("bits-xor-gpt2-mini")[0])
    for words, names in (
        (["show", said["name"]], ("name", "command", "source_digest")),
        (["list"], ("name",)),
    ):
        shown = "".join(fpt(*words).stdout.split())
        assert all("".join(said[name].split()) in shown for name in names)


def test_what_is_found_is_printed():
    """Or, where nothing is, an exit code of 1 says so."""
    assert "proteins/fasta" in fpt("search", "kind=task", "fasta").stdout
    nothing = fpt("search", "zebra")
    assert (nothing.returncode, "no card has all of: zebra" in nothing.stderr) == (1, True)
