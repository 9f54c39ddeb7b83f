"""Changing training images at random."""

import numpy as np
import pytest
from scipy import ndimage

from stages.network.runtime import start_tensorflow

start_tensorflow("avx2", "cpu")

from stages.training.augmentation import Augmentation, uniform  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = np.pad(RNG.random((40, 12, 8, 1), np.float32), ((0, 0), (6, 6), (6, 6), (0, 0)))
ROWS = np.arange(40)
ALL = Augmentation(rotation=20, shear=0.3, zoom=0.2, shift=2)


def changed(augmentation: Augmentation, seed: int = 1, epoch: int = 1) -> np.ndarray:
    return augmentation.apply(IMAGES, ROWS, "channels_last", seed, epoch)


def test_an_image_is_changed_as_follows_from_seed_epoch_and_row_alone() -> None:
    everything = changed(ALL)
    some = np.array([31, 2, 7])
    np.testing.assert_array_equal(ALL.apply(IMAGES[some], some, "channels_last", 1, 1), everything[some])
    assert all((changed(ALL, *other) != everything).any(axis=(1, 2, 3)).all() for other in ((2, 1), (1, 2)))
    first = np.moveaxis(IMAGES, -1, 1)
    np.testing.assert_array_equal(ALL.apply(first, ROWS, "channels_first", 1, 1), np.moveaxis(everything, -1, 1))


def test_without_amounts_images_come_back_untouched() -> None:
    assert changed(Augmentation()) is IMAGES


@pytest.mark.parametrize("name", ["rotation", "shear", "zoom", "shift"])
def test_each_amount_changes_images_about_their_centre_and_leaves_their_mass(name: str) -> None:
    amount = {"rotation": 30, "shear": 0.3, "zoom": 0.3, "shift": 3}[name]
    found = changed(Augmentation(**{name: amount}))
    centres = [np.array([ndimage.center_of_mass(image[..., 0]) for image in images]) for images in (IMAGES, found)]
    moved = np.abs(centres[1] - centres[0]).max()
    assert 1.5 < moved <= 3.01 if name == "shift" else moved < 0.6
    ratios = found.sum(axis=(1, 2, 3)) / IMAGES.sum(axis=(1, 2, 3))
    assert (
        (0.45 < ratios.min() < 0.75 and 1.3 < ratios.max() < 1.75) if name == "zoom" else abs(ratios - 1).max() < 0.02
    )


def test_a_rotation_is_the_one_of_scipy() -> None:
    turned = changed(Augmentation(rotation=40))
    amounts = uniform(1, 1, ROWS, 6)[:, 0] * 2 - 1
    for image, found, amount in zip(IMAGES, turned, amounts, strict=True):
        expected = ndimage.rotate(image[..., 0], 40 * amount, reshape=False, order=1)
        np.testing.assert_allclose(found[..., 0], expected, atol=1e-3)


def test_the_random_numbers_are_even_and_not_those_of_their_neighbours() -> None:
    numbers = uniform(5, 3, np.arange(20_000), 6)
    assert numbers.min() >= 0 and numbers.max() < 1
    counts, _ = np.histogram(numbers, 20, (0, 1))
    assert abs(counts - 6_000).max() < 300
    assert np.abs(np.corrcoef(numbers.T) - np.eye(6)).max() < 0.03
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.03
    assert (uniform(5, 4, np.arange(100), 6) != numbers[:100]).all()
