"""Changing training images at random."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import ndimage

from stages.network.runtime import start_tensorflow

start_tensorflow("avx2", "cpu")

from stages.train.augmentation import (  # noqa: E402
    AMOUNTS,
    Augmentation,
    augment,
)

RNG = np.random.default_rng(0)
IMAGES = np.pad(RNG.random((40, 12, 8, 1), np.float32), ((0, 0), (6, 6), (6, 6), (0, 0)))
AMOUNTS_OF = RNG.uniform(-1, 1, (40, AMOUNTS))
NONE = Augmentation(rotation=0, shear=0, zoom=0, shift=0)
ALL = Augmentation(rotation=20, shear=0.3, zoom=0.2, shift=2)


def changed(augmentation: Augmentation) -> np.ndarray:
    return augment(IMAGES, AMOUNTS_OF, augmentation)


def test_an_image_is_changed_alike_among_any_others_and_in_either_layout() -> None:
    everything, some = changed(ALL), [31, 2, 7]
    np.testing.assert_array_equal(augment(IMAGES[some], AMOUNTS_OF[some], ALL), everything[some])
    first = augment(np.moveaxis(IMAGES, -1, 1), AMOUNTS_OF, ALL)
    np.testing.assert_array_equal(first, np.moveaxis(everything, -1, 1))


def test_without_amounts_images_come_back_untouched() -> None:
    assert changed(NONE) is IMAGES


@pytest.mark.parametrize("name", ["rotation", "shear", "zoom", "shift"])
def test_each_amount_changes_images_about_their_centre(name: str) -> None:
    amount = {"rotation": 30, "shear": 0.3, "zoom": 0.3, "shift": 3}[name]
    found = changed(replace(NONE, **{name: amount}))
    centres = [np.array([ndimage.center_of_mass(image[..., 0]) for image in images]) for images in (IMAGES, found)]
    moved = np.abs(centres[1] - centres[0]).max()
    assert 1.5 < moved <= 3.01 if name == "shift" else moved < 0.6
    ratios = found.sum(axis=(1, 2, 3)) / IMAGES.sum(axis=(1, 2, 3))
    assert (
        (0.45 < ratios.min() < 0.75 and 1.3 < ratios.max() < 1.75) if name == "zoom" else abs(ratios - 1).max() < 0.02
    )


def test_a_rotation_is_the_one_of_scipy() -> None:
    turned = changed(replace(NONE, rotation=40))
    for image, found, amount in zip(IMAGES, turned, AMOUNTS_OF[:, 0], strict=True):
        expected = ndimage.rotate(image[..., 0], 40 * amount, reshape=False, order=1)
        np.testing.assert_allclose(found[..., 0], expected, atol=1e-3)


def test_together_they_turn_then_shear_then_zoom_then_shift_as_scipy_does() -> None:
    image = np.pad(np.random.default_rng(0).random((9, 13)), 12).astype(np.float32)
    cos, sin = np.cos(0.4), np.sin(0.4)
    turn, shear, zoom = [[cos, sin], [-sin, cos]], [[1, -0.3], [0, 1]], [[1.2, 0], [0, 0.8]]
    back = np.linalg.inv(np.array(zoom) @ shear @ turn)  # of (x, y)
    centre = (np.array(image.shape) - 1) / 2
    back = back[::-1, ::-1]
    expected = ndimage.affine_transform(image, back, centre - back @ np.add(centre, (3, -2)), order=1)
    most, amounts = Augmentation(rotation=np.rad2deg(0.4), shear=0.3, zoom=0.2, shift=3), [[1, 1, 1, -1, -2 / 3, 1]]
    found = augment(image[np.newaxis, ..., np.newaxis], np.array(amounts), most)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1e-4)
