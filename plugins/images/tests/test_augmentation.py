"""The augmentation against torchvision's, which the paper's code used, with the same draws."""

import numpy as np
import pytest
import torch
from attrs import fields_dict
from PIL import Image
from torchvision import transforms

from fpt_images.augmentation import augmented
from fpt_images.tasks import Cifar10, Cifar10Lra, Digits, Folder, Mnist


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_reference_codes(random, channels):
    """For 100 seeds, bit for bit what RandomCrop, RandomHorizontalFlip and RandomRotation make."""
    picture = random(1, 32, channels, seed=3)[0]
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
    shift, mirror = transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()
    reference = transforms.Compose([shift, mirror, transforms.RandomRotation(20)])
    for seed in range(100):
        torch.manual_seed(seed)
        expected = np.array(reference(image)).reshape(32, 32, channels)
        torch.manual_seed(seed)
        assert np.array_equal(augmented(picture), expected)


def test_only_augmented_training_pictures_vary(tmp_path, write, cifar_batches):
    """With the option each read of a training picture differs; validation, test and the default stay."""
    write.cifar(tmp_path / "cifar10", cifar_batches)
    for task in (Cifar10(data_root=tmp_path, augment=True), Cifar10Lra(data_root=tmp_path, augment=True)):
        assert task.fresh == {"train"}
        for split, stays in (("train", False), ("validation", True), ("test", True)):
            data = task.split(split)
            assert np.array_equal(data[0][0], data[0][0]) is stays
    plain = Cifar10(data_root=tmp_path)
    assert plain.fresh == frozenset()
    assert np.array_equal(plain.split("train")[0][0], plain.split("train")[0][0])


def test_the_same_draws_give_the_same_picture(tmp_path, write, cifar_batches):
    """Nothing but torch's global generator is drawn from."""
    write.cifar(tmp_path / "cifar10", cifar_batches)
    data = Cifar10(data_root=tmp_path, augment=True).split("train")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        first = data[4][0]
        torch.manual_seed(7)
        assert np.array_equal(data[4][0], first)


def test_it_is_offered_where_a_mirror_image_keeps_its_class():
    """Photographs and the user's own pictures can be augmented, digits cannot."""
    offered = {
        task for task in (Cifar10, Cifar10Lra, Digits, Folder, Mnist) if "augment" in fields_dict(task)
    }
    assert offered == {Cifar10, Cifar10Lra, Folder}
