"""A digit looked at in nine ways: a network that knows it gives one answer to all of them."""

import numpy as np
from numpy.typing import NDArray

from stages.network.affine import transform_images
from stages.network.inference import Forward, predict_probabilities

# What leaves a digit what it is: turned (radians), sheared, zoomed, shifted sideways (pixels), and each the other way.
CHANGES = np.diag([np.deg2rad(8), 0.15, 0.1, 1.0])
VIEWS = np.concatenate([np.zeros((1, 4)), CHANGES, -CHANGES])


def predict_views(forward: Forward, images: NDArray[np.float32], image_data_format: str) -> NDArray[np.float32]:
    """Run a `forward_function` over nine views of each image, float32 (n, rows, cols, channels) or channels first.

    The images must be as MNIST's are, light glyphs in the centre of a dark field: what comes in from outside is 0.

    Returns:
        The mean of the views' probabilities, float32 (n, classes).

    Raises:
        InputError: see `predict_probabilities`.
    """
    views = []
    for turn, shear, zoom, shift in VIEWS:
        zoomed = np.full(len(images), 1 + zoom)
        seen = transform_images(
            images,
            image_data_format,
            turn=np.full(len(images), turn),
            shear=np.full(len(images), shear),
            zoom_across=zoomed,
            zoom_down=zoomed,
            right=np.full(len(images), shift),
            down=np.zeros(len(images)),
        )
        views.append(predict_probabilities(forward, seen))
    return np.mean(views, axis=0, dtype=np.float64).astype(np.float32)
