"""Tokens against loops, torchvision and torch's own unfolding."""

import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from fpt_images.hooks import fpt_tokenize
from fpt_images.layout import PictureLayout
from fpt_images.patches import tokenize
from fpt_images.tasks import Cifar10, Cifar10Lra, Digits, Folder, Mnist
from fpt_plugins import InputError

TASKS = [
    Cifar10(),
    Cifar10(grayscale=True, patch=8),
    Cifar10Lra(),
    Mnist(),
    Mnist(size=28),
    Digits(),
    Folder(),
]


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_tokens_are_those_of_torchvision_and_unfold(task, random):
    """Scaled as ToTensor and Normalize do, and cut as torch's unfold does, in the order (p1 p2 c)."""
    layout = task.layout
    pictures = random(3, layout.side, layout.channels, seed=0, shades=layout.white + 1)
    found = fpt_tokenize(task, list(pictures))
    for index, picture in enumerate(pictures):
        pixels = torch.from_numpy(picture).permute(2, 0, 1).float() / layout.white
        scaled = functional.normalize(pixels, layout.mean, layout.deviation)
        columns = torch.nn.functional.unfold(scaled[None], layout.patch, stride=layout.patch)[0]
        expected = columns.T.reshape(-1, layout.channels, layout.patch**2).transpose(1, 2).flatten(1)
        np.testing.assert_allclose(found[index], expected, rtol=0, atol=1e-6)
    assert found.values.dtype == np.float32
    assert found.values.shape == (3 * task.sequence.max_length, task.sequence.width)
    assert found.lengths.tolist() == [task.sequence.max_length] * 3


def test_the_order_within_a_picture_by_hand():
    """A 4 by 4 picture of the numbers 0 to 15 in patches of 2, written out from the reference's order."""
    layout = PictureLayout(side=4, channels=1, patch=2, mean=(0.0,), deviation=(1.0,), white=1)
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    by_hand = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert tokenize([picture], layout)[0].tolist() == by_hand


def test_channels_vary_fastest_by_hand():
    """Of a pixel, red comes first, then green, then blue, then the next pixel."""
    layout = PictureLayout(side=2, channels=3, patch=2, mean=(0.0,) * 3, deviation=(1.0,) * 3, white=1)
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert tokenize([picture], layout)[0].tolist() == [list(range(12))]


def test_scaling_by_hand():
    """Black and white of each channel of CIFAR-10, by the constants that the reference code prints."""
    white = tokenize([np.full((32, 32, 3), 255, np.uint8)], Cifar10().layout)[0]
    black = tokenize([np.zeros((32, 32, 3), np.uint8)], Cifar10().layout)[0]
    means, deviations = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    for channel, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        np.testing.assert_allclose(white[:, channel::3], (1 - mean) / deviation, rtol=1e-6)
        np.testing.assert_allclose(black[:, channel::3], -mean / deviation, rtol=1e-6)


def test_a_sample_does_not_depend_on_the_others(random):
    """Alone and among others, bit for bit the same tokens."""
    pictures = random(5, 32, 3, seed=0)
    together = tokenize(list(pictures), Cifar10().layout)
    alone = tokenize([pictures[3]], Cifar10().layout)
    assert np.array_equal(together[3], alone[0])


def test_no_samples_give_no_tokens():
    """An empty list is an empty batch of the right width."""
    found = tokenize([], Cifar10().layout)
    assert (found.values.shape, len(found)) == ((0, 48), 0)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 1)), [[0] * 8] * 8, None],
    ids=["no channels", "color", "float", "list", "nothing"],
)
def test_a_sample_that_is_no_such_picture_is_refused(wrong):
    """Another shape or type is an InputError with the sample's index."""
    with pytest.raises(InputError, match=r"sample 1: .* where a picture is uint8 of shape \(8, 8, 1\)"):
        tokenize([np.zeros((8, 8, 1), np.uint8), wrong], Digits().layout)
