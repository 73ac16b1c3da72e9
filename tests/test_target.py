"""Targets against torch's own losses, computed sample by sample."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from fpt_plugins import BitVector, Classes, FrozenPretrainedTransformer, Labels, Last, RealVector
from fpt_plugins.target import LARGEST_FLOAT32, PADDING_TARGET

NAMES = ("cat", "dog", "eel")


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def per_sample(criterion, outputs, targets):
    """The reference: the criterion's mean reduction, one sample at a time."""
    return torch.stack([criterion(o, t) for o, t in zip(outputs, targets, strict=True)])


def test_a_target_restores_the_scale_of_its_sample():
    """The model's outputs are what the target's ``restore`` makes of the head's and of the tokens."""

    class Shifted(RealVector):
        def restore(self, outputs, tokens, attention_mask):
            return outputs + tokens.sum((1, 2)).unsqueeze(1) + attention_mask.sum(1, keepdim=True)

    class Asked:
        readout, target = Last(), Shifted(2)

    tokens, mask = draws(3, 4, 5), torch.ones(3, 4, dtype=torch.bool)
    model = FrozenPretrainedTransformer(Asked(), nn.Identity(), lambda embeds, _: embeds, nn.Flatten())
    expected = tokens[:, -1] + tokens.sum((1, 2)).unsqueeze(1) + 4
    torch.testing.assert_close(model(tokens, mask), expected)
    torch.testing.assert_close(
        model(tokens, mask, features=tokens[:, :1]), expected - tokens[:, -1] + tokens[:, 0]
    )
    assert RealVector(2).restore(tokens, tokens, mask) is tokens


def test_classes_have_the_cross_entropy_of_torch():
    """One sample's loss is ``nn.CrossEntropyLoss`` of that sample alone."""
    outputs, targets = draws(5, 3), torch.tensor([0, 1, 2, 1, 0])
    expected = per_sample(nn.CrossEntropyLoss(), outputs, targets)
    torch.testing.assert_close(Classes(NAMES).losses(outputs, targets), expected)


def test_uniform_outputs_cost_the_logarithm_of_the_number_of_classes():
    """Closed form: equal outputs give ln C; a bit costs ln 2."""
    losses = Classes(NAMES).losses(torch.zeros(2, 3), torch.tensor([0, 2]))
    torch.testing.assert_close(losses, torch.full((2,), float(np.log(3))))
    bits = BitVector(4)
    losses = bits.losses(bits.shape(torch.zeros(1, 8)), torch.tensor([[0, 1, 1, 0]]))
    torch.testing.assert_close(losses, torch.full((1,), float(np.log(2))))


def test_padded_positions_cost_nothing():
    """With a target per position, the loss is the mean over real ones: torch's, with the padding cut off."""
    outputs, lengths = draws(3, 6, 3), [6, 1, 4]
    targets = torch.full((3, 6), PADDING_TARGET)
    for row, length in enumerate(lengths):
        targets[row, :length] = torch.arange(length) % 3
    expected = [
        nn.CrossEntropyLoss()(outputs[row, :length], targets[row, :length])
        for row, length in enumerate(lengths)
    ]
    torch.testing.assert_close(Classes(NAMES).losses(outputs, targets), torch.stack(expected))


def test_garbage_outputs_at_padding_change_nothing():
    """Neither the loss nor its gradient sees what the head says of padding, infinity included."""
    targets = torch.tensor([[1, 2, PADDING_TARGET]])
    clean = draws(1, 3, 3)
    dirty = clean.clone()
    dirty[0, 2] = torch.tensor([1e30, -1e30, 3.0])
    found = [each.requires_grad_() for each in (clean, dirty)]
    losses = [Classes(NAMES).losses(each, targets) for each in found]
    assert torch.equal(*losses)
    for loss in losses:
        loss.sum().backward()
    assert torch.equal(clean.grad, dirty.grad)
    assert (dirty.grad[0, 2] == 0).all()


def test_a_sample_of_padding_alone_costs_zero():
    """Nothing to learn is a loss of 0, not 0 / 0."""
    losses = Classes(NAMES).losses(draws(1, 2, 3), torch.full((1, 2), PADDING_TARGET))
    assert losses.tolist() == [0.0]


def test_labels_have_the_binary_cross_entropy_of_torch():
    """One sample's loss is ``nn.BCEWithLogitsLoss`` of that sample alone."""
    outputs, targets = draws(4, 3), (draws(4, 3, seed=1) > 0).float()
    expected = per_sample(nn.BCEWithLogitsLoss(), outputs, targets)
    torch.testing.assert_close(Labels(NAMES).losses(outputs, targets), expected)


def test_bits_have_the_cross_entropy_of_their_two_outputs():
    """One sample's loss is the mean over bits of ``nn.CrossEntropyLoss`` on that bit's two outputs."""
    target, outputs = BitVector(5), draws(4, 10)
    bits = (draws(4, 5, seed=1) > 0).long()
    expected = [
        torch.stack([nn.CrossEntropyLoss()(row[2 * i : 2 * i + 2], bits[n, i]) for i in range(5)]).mean()
        for n, row in enumerate(outputs)
    ]
    torch.testing.assert_close(target.losses(target.shape(outputs), bits), torch.stack(expected))


def test_real_numbers_have_the_squared_error_of_torch():
    """One sample's loss is ``nn.MSELoss`` of that sample alone."""
    outputs, targets = draws(4, 3), draws(4, 3, seed=1)
    expected = per_sample(nn.MSELoss(), outputs, targets)
    torch.testing.assert_close(RealVector(3).losses(outputs, targets), expected)


@pytest.mark.parametrize("target", [Classes(NAMES), Labels(NAMES), BitVector(3), RealVector(3)])
def test_the_best_answer_costs_least(target):
    """Descending the loss by torch's autograd from any outputs leads to an answer that is the target."""
    wanted = torch.tensor([1]) if isinstance(target, Classes) else torch.tensor([[0, 1, 1]])
    wanted = wanted.to(getattr(torch, target.dtype))
    outputs = draws(1, target.size).requires_grad_()
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        target.losses(target.shape(outputs), wanted).sum().backward()
        optimizer.step()
    answer = target.describe(target.shape(outputs.detach())[0])
    expected = {
        "Classes": ("class", "dog"),
        "Labels": ("labels", ["dog", "eel"]),
        "BitVector": ("bits", "011"),
    }
    key, value = expected.get(type(target).__name__, ("values", pytest.approx([0, 1, 1], abs=0.1)))
    assert answer[key] == value


def test_a_class_is_described_with_its_probability():
    """The probability is the softmax of the outputs, in closed form for two classes."""
    described = Classes(("no", "yes")).describe(torch.tensor([0.0, np.log(3)]))
    assert described == {"class": "yes", "probability": pytest.approx(0.75)}


def test_classes_by_position_are_described_in_order():
    """With a row of outputs per position, every position has its class."""
    outputs = torch.eye(3)[[2, 0, 1, 1]]
    assert Classes(NAMES).describe(outputs) == {"classes": ["eel", "cat", "dog", "dog"]}


def test_labels_are_described_with_every_probability():
    """Labels over one half are chosen; all probabilities are there, as torch's sigmoid says."""
    described = Labels(NAMES).describe(torch.tensor([np.log(3), 0.0, -np.log(3)]))
    assert described["labels"] == ["cat"]
    assert described["probabilities"] == pytest.approx({"cat": 0.75, "dog": 0.5, "eel": 0.25})


@pytest.mark.parametrize("target", [Classes(NAMES), Labels(NAMES), BitVector(3), RealVector(3)])
def test_every_description_is_json(target):
    """What ``fpt predict`` prints is plain JSON."""
    described = target.describe(target.shape(draws(1, target.size))[0])
    assert json.loads(json.dumps(described, allow_nan=False)) == described


@pytest.mark.parametrize(
    ("target", "shape", "bounds", "dtype"),
    [
        (Classes(NAMES), (), (0, 2), "int64"),
        (Labels(NAMES), (3,), (0, 1), "float32"),
        (BitVector(4), (4,), (0, 1), "int64"),
        (RealVector(4), (4,), (-LARGEST_FLOAT32, LARGEST_FLOAT32), "float32"),
    ],
)
def test_a_target_says_what_its_losses_take(target, shape, bounds, dtype):
    """The declared shape, bounds and type are what the losses compute with, finitely."""
    assert (target.target_shape, target.bounds, target.dtype) == (shape, bounds, dtype)
    for number in (0, 1):
        targets = torch.full((2, *shape), number, dtype=getattr(torch, dtype))
        assert torch.isfinite(target.losses(target.shape(draws(2, target.size)), targets)).all()


def test_the_largest_number_is_that_of_float32():
    """It is what NumPy says."""
    assert float(np.finfo(np.float32).max) == LARGEST_FLOAT32


@pytest.mark.parametrize(
    "wrong", [lambda: Classes(("one",)), lambda: Labels(()), lambda: BitVector(0), lambda: RealVector(0)]
)
def test_a_target_of_nothing_is_refused(wrong):
    """One class is no question; no label, bit or number is no target."""
    with pytest.raises(ValueError, match=r"must be|Length"):
        wrong()
