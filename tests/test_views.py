"""Views of an image, and the changes that they are made by."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from stages.network.runtime import start_tensorflow

start_tensorflow("avx2", "cpu")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from stages.network.affine import transform_images  # noqa: E402
from stages.network.model_file import Card  # noqa: E402
from stages.network.views import VIEWS, predict_views  # noqa: E402
from stages.pictures.prediction import Predictor  # noqa: E402
from stages.pictures.sample import Sample  # noqa: E402

GLYPH = np.zeros((1, 29, 29, 1), np.float32)
GLYPH[0, 8:21, 13:16] = 1  # a bar from top to bottom


def test_together_they_turn_then_shear_then_zoom_then_shift_as_scipy_does() -> None:
    image = np.pad(np.random.default_rng(0).random((9, 13)), 12).astype(np.float32)
    cos, sin = np.cos(0.4), np.sin(0.4)
    turn, shear, zoom = [[cos, sin], [-sin, cos]], [[1, -0.3], [0, 1]], [[1.2, 0], [0, 0.8]]
    back = np.linalg.inv(np.array(zoom) @ shear @ turn)  # of (x, y)
    centre = (np.array(image.shape) - 1) / 2
    back = back[::-1, ::-1]
    expected = ndimage.affine_transform(image, back, centre - back @ np.add(centre, (3, -2)), order=1)
    amounts = {"turn": 0.4, "shear": 0.3, "zoom_across": 1.2, "zoom_down": 0.8, "right": -2, "down": 3}
    found = transform_images(image[np.newaxis, ..., np.newaxis], **amounts)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1e-4)
    first = transform_images(image[np.newaxis, np.newaxis], **amounts)
    np.testing.assert_array_equal(first[0, 0], found[0, ..., 0])


def test_views_are_the_image_and_twelve_changes_that_even_out() -> None:
    seen: list[NDArray[np.float32]] = []

    def forward(images: tf.Tensor) -> tf.Tensor:
        seen.extend(images.numpy())
        first = 0.53 + 0.03 * np.arange(len(images))
        return tf.constant(np.stack([first, 1 - first], axis=1), tf.float32)

    probabilities, sureness = predict_views(forward, GLYPH, "all_views")
    assert len(seen) == 13
    np.testing.assert_array_equal(seen[0], GLYPH[0])
    assert all((one != other).any() for one, other in combinations(seen, 2))
    together = np.mean(seen, axis=0)[..., 0]
    np.testing.assert_allclose(together, together[::-1, ::-1], atol=1e-5)
    np.testing.assert_allclose(probabilities, [[0.71, 0.29]], atol=1e-6)
    np.testing.assert_allclose(sureness, [(0.71 + 0.53) / 2], atol=1e-6)


def test_one_view_is_the_network_s_own_answer_to_the_bit() -> None:
    answers = np.random.default_rng(0).dirichlet(np.ones(4), 3).astype(np.float32)
    images = np.random.default_rng(1).random((3, 28, 28, 3), np.float32)

    def forward(given: tf.Tensor) -> tf.Tensor:
        np.testing.assert_array_equal(given.numpy(), images)
        return tf.constant(answers)

    probabilities, sureness = predict_views(forward, images, "one_view")
    np.testing.assert_array_equal(probabilities, answers)
    np.testing.assert_array_equal(sureness, answers.max(axis=1))


@pytest.mark.parametrize(("views", "warning"), [("one_view", None), ("all_views", "the network is unsure")])
def test_an_answer_that_a_small_change_would_overturn_is_unsure(views: str, warning: str | None) -> None:
    """A network that looks at the four pixels in the middle only is sure of a dot there, until it is shifted."""
    logits = keras.layers.Dense(2, "softmax")
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), logits])
    field = np.zeros((1, 28, 28), np.float32)
    field[0, 13:15, 13:15] = 1
    logits.set_weights([field.reshape(784, 1) * np.array([[0, 20]], np.float32), np.array([50, 0], np.float32)])
    told = Predictor(network, Card([0, 1], dict.fromkeys(VIEWS, 0.6), True), views).predict(Sample(field))
    assert told["predicted"] == 1 and told["warning"] == warning


def test_the_order_of_the_axes_changes_no_answer() -> None:
    field = np.zeros((1, 20, 28), np.float32)
    field[0, 4:9, 5:20] = 1
    first, last = (
        keras.Sequential([keras.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
        for shape, layers in (((1, 20, 28), [keras.layers.Permute((2, 3, 1))]), ((20, 28, 1), []))
    )
    kernel = np.random.default_rng(0).normal(0, 0.1, (560, 3)).astype(np.float32)
    told = []
    for network in (first, last):
        network.set_weights([kernel, np.zeros(3, np.float32)])
        predictor = Predictor(network, Card([0, 1, 2], {}, True), "all_views")
        told.append(predictor.predict(Sample(field)))
    assert told[0] == told[1]
