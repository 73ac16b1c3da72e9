"""``linear``: a model that is linear in its input, whatever trains."""

import pytest
import torch

import fpt_plugins as fpt


@pytest.fixture
def body():
    return fpt.build("bits/xor", backbone="linear", backbone_options={"width": 6}).model.backbone


def test_it_is_the_sum_over_distances(body):
    """Hidden states are the sums of embeddings times the weight of their distance, written out as loops."""
    embeds = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 7, [True] * 5 + [False] * 2])
    expected = torch.zeros(2, 7, 6)
    for sample in range(2):
        for t in range(7):
            for s in range(int(mask[sample].sum())):
                expected[sample, t] += embeds[sample, s] * body.kernel[body.max_length - 1 + t - s]
    torch.testing.assert_close(body(embeds, mask), expected)


def test_the_whole_model_is_linear():
    """Outputs of a sum are the sum of the outputs, but for the constant of the biases."""
    arm = fpt.build("bits/xor", backbone="linear", options={"tokens": "values"}, train="full")
    a, b = torch.randn(2, 3, 10, 1, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(3, 10, dtype=torch.bool)
    constant = arm.model(torch.zeros_like(a), mask)
    torch.testing.assert_close(
        arm.model(a + b, mask), arm.model(a, mask) + arm.model(b, mask) - constant, rtol=1e-4, atol=1e-4
    )


def test_it_learns_what_logistic_regression_does(tmp_path):
    """On the digits it comes within 3 points of scikit-learn's logistic regression of the raw pixels."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    arm = fpt.build("images/digits", backbone="none")
    pixels = {}
    for split in ("train", "validation"):
        samples = arm.task.split(split)
        pictures, labels = zip(*(samples[i] for i in range(len(samples))), strict=True)
        pixels[split] = torch.stack([torch.as_tensor(p).flatten() / 16.0 for p in pictures]), labels
    reference = linear_model.LogisticRegression(max_iter=1000).fit(*pixels["train"])
    settings = {"backbone": "linear", "backbone_options": {"width": 64}, "train": "full"}
    record = fpt.train("images/digits", out=tmp_path / "run", steps=200, lr=1e-2, **settings)
    found = record.evaluations["validation"].metrics["accuracy"]
    assert found == pytest.approx(reference.score(*pixels["validation"]), abs=0.03)
