"""The numbers of trained parameters that the paper prints, and ours beside them."""

import pytest

import fpt_plugins as fpt

PAPER = {"gpt2": 106_752, "gpt2-medium": 191_488, "gpt2-large": 300_800}
"""Table 8 of arXiv 2103.05247 for CIFAR-10, recomputed: without the final norm and the head's bias."""
WIDTH = {"gpt2": 768, "gpt2-medium": 1024, "gpt2-large": 1280}
README = {"gpt2": 108_298, "gpt2-medium": 193_546, "gpt2-large": 303_370}


def test_ours_on_the_base_model():
    """CIFAR-10 at 16 values per token on GPT-2's shape trains what README says, counted on the model."""
    arm = fpt.build("images/cifar10", backbone="gpt2", init="random", options={"grayscale": True})
    counts = {group: arm.partition.count(group) for group in arm.partition.trained}
    assert counts == {"input": 17 * 768, "head": 769 * 10, "layer_norm": 25 * 2 * 768, "position": 64 * 768}
    assert arm.partition.trained_count == README["gpt2"]


@pytest.mark.parametrize("name", PAPER)
def test_ours_are_the_papers_and_what_it_leaves_out(name):
    """Ours are the paper's, the final norm's gain and bias, and a bias for each of ten classes."""
    assert README[name] == PAPER[name] + 2 * WIDTH[name] + 10
