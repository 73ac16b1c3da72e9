"""The options of what policies add, and what is refused."""

import pytest

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, UnknownName
from fpt_plugins.additions.bottleneck import Bottleneck
from fpt_plugins.additions.choice import choose_additions
from fpt_plugins.additions.lora import LoRA
from fpt_plugins.additions.prompt import Prompt
from fpt_plugins.policies import find_policy


@pytest.mark.parametrize(
    ("backbone", "train", "found"),
    [
        ("none", "lora", "body NoBody has no linear layers of attention"),
        ("lstm", "lora", "body LSTMBackbone has no linear layers of attention"),
        ("block-1", "lora", "body BlockBackbone has no linear layers of attention"),
        ("none", "prompt", "body NoBody has no parameters: nothing carries"),
        ("none", "bottleneck", "body NoBody declares no sublayers"),
        ("lstm", "bottleneck", "body LSTMBackbone declares no sublayers"),
    ],
)
def test_a_body_without_a_place_is_refused(backbone, train, found):
    """One line that names the body and what it lacks."""
    options = {"width": 24}
    with pytest.raises(ConfigurationError, match=f"^--train {train}: the {found}"):
        fpt.build("bits/xor", backbone=backbone, init="random", backbone_options=options, train=train)


def test_options_are_read_by_their_own_addition():
    """Words become numbers; each addition takes its own, in the order in which they are added."""
    given = {"virtual_tokens": "3", "rank": "2", "width": "5", "alpha": "1e1"}
    expected = (LoRA(rank=2, alpha=10.0), Bottleneck(width=5), Prompt(virtual_tokens=3))
    assert choose_additions("head,@5,prompt,lora, bottleneck", given) == expected
    assert choose_additions("fpt,bitfit", {}) == ()


@pytest.mark.parametrize(
    ("train", "given", "error", "found"),
    [
        ("fpt", {"rank": 2}, ConfigurationError, "--policy-option rank has no effect: --train fpt"),
        ("lora", {"width": 2}, UnknownName, "--train lora has no option 'width'"),
        ("lora", {"rank": 0}, ConfigurationError, "--train lora: 'rank' must be >= 1"),
        ("prompt", {"virtual_tokens": "many"}, ConfigurationError, "virtual_tokens=many is not int"),
    ],
)
def test_options_that_cannot_be_are_refused(train, given, error, found):
    """An option without effect, of another addition, out of range or of another type."""
    with pytest.raises(error, match=found):
        choose_additions(train, given)


def test_a_policy_needs_what_it_trains():
    """Asked of a model whose body has no LoRA, the policy says so and does not train less."""
    model = fpt.build("bits/xor", backbone="gpt2-mini", init="random", backbone_options={"layers": 1}).model
    with pytest.raises(ConfigurationError, match="--train lora: nothing of the kind was added"):
        find_policy("lora").select(model)
