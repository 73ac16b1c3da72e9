"""README's table of bodies: each of its facts, and that the table is what its script makes."""

from pathlib import Path

import attrs
import pytest
import torch

import backbones_proof
from subjects import every_subject

TREE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """Every kind of body, by name."""
    return {subject.name: subject for subject in every_subject(tmp_path_factory.mktemp("subjects"))}


NAMES = ("gpt2", "bert", "roberta", "distilbert", "llama", "qwen2", "qwen3", "gpt_neox", "opt", "t5")
NAMES += ("longformer", "vit", "lstm", "attention-1", "block-1", "none")
every_fact = pytest.mark.parametrize("fact", backbones_proof.FACTS.values(), ids=lambda fact: fact.__name__)


@pytest.mark.parametrize("name", NAMES)
@every_fact
def test_what_the_table_says_holds(subjects, name, fact):
    """The fact holds of this kind of body; the function says what is compared with what."""
    assert fact(subjects[name])


def test_every_body_is_in_the_table(subjects):
    """The bodies of these tests are those of the table; that README has it, the test of all tables says."""
    assert tuple(subjects) == NAMES
    assert "<!-- table: backbones-proof -->" in (TREE / "README.md").read_text()


class Broken(torch.nn.Module):
    """A body that breaks each fact: it adds a little, sees padding, leaks it, and hides a parameter."""

    def __init__(self, body):
        super().__init__()
        self.body, self.extra = body, torch.nn.Parameter(torch.zeros(1))
        self.embed_dim, self.max_length, self.causal = body.embed_dim, body.max_length, body.causal

    def parameter_groups(self):
        return {}

    def forward(self, inputs, mask):
        return self.body(inputs, mask) + 1e-4 * inputs.sum(1, keepdim=True)


@pytest.mark.parametrize(
    "fact",
    [
        backbones_proof.agrees_with_its_library,
        backbones_proof.ignores_padding,
        backbones_proof.passes_gradients,
        backbones_proof.has_disjoint_groups,
    ],
)
def test_what_does_not_hold_is_not_said(subjects, fact):
    """Of a body that is broken in every respect no such fact is true."""
    whole = subjects["none"]

    class Subject(type(whole)):
        def body(self):
            return Broken(whole.body())

    assert not fact(Subject(**attrs.asdict(whole, recurse=False)))
