"""A digit looked at in nine ways: a network that knows it gives one answer to all of them."""

import numpy as np
from numpy.typing import NDArray

from stages.network.affine import transform_images
from stages.network.inference import Forward, predict_probabilities

# What leaves a digit what it is: turned (radians), sheared, zoomed, shifted sideways (pixels), and each the other way.
CHANGES = np.diag([np.deg2rad(8), 0.15, 0.1, 1.0])
AS_IT_IS = np.zeros((1, 4))
VIEWS = {"one_view": AS_IT_IS, "nine_views": np.concatenate([AS_IT_IS, CHANGES, -CHANGES])}


def predict_views(
    forward: Forward, images: NDArray[np.float32], image_data_format: str, views: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run a `forward_function` over views of each image, float32 (n, rows, cols, channels) or channels first.

    Args:
        views: "one_view", the image as it is, or "nine_views", for images like MNIST's, light glyphs in the centre of
            a dark field: what comes in from outside is 0.

    Returns:
        The mean of the views' probabilities, float32 (n, classes), and the least that one of them gives to the answer,
        the class with the highest mean, float32 (n,).

    Raises:
        InputError: see `predict_probabilities`.
    """
    seen = []
    for turn, shear, zoom, right in VIEWS[views]:
        changed = transform_images(
            images,
            image_data_format,
            turn=np.full(len(images), turn),
            shear=np.full(len(images), shear),
            zoom_across=np.full(len(images), 1 + zoom),
            zoom_down=np.full(len(images), 1 + zoom),
            right=np.full(len(images), right),
            down=np.zeros(len(images)),
        )
        seen.append(predict_probabilities(forward, changed))
    each = np.stack(seen)
    mean = each.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean, each[:, np.arange(len(images)), mean.argmax(axis=1)].min(axis=0)
