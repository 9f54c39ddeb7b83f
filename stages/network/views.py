"""A digit looked at in thirteen ways: a network that knows it gives one answer to all of them."""

import numpy as np
from numpy.typing import NDArray

from stages.network.affine import transform_images
from stages.network.inference import Forward, predict_probabilities

# What leaves a digit what it is: as it is, turned, sheared, wider or higher or both, shifted, and each the other way.
CHANGES: list[dict[str, float]] = [
    {},
    *({"turn": np.deg2rad(degrees)} for degrees in (8, -8)),
    *({"shear": columns} for columns in (0.15, -0.15)),
    *({"zoom_across": across, "zoom_down": down} for across in (0.9, 1.1) for down in (0.9, 1.1)),
    *({"right": pixels} for pixels in (1.0, -1.0)),
    *({"down": pixels} for pixels in (1.0, -1.0)),
]
VIEWS = {"one_view": CHANGES[:1], "all_views": CHANGES}


def predict_views(
    forward: Forward, images: NDArray[np.float32], views: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run a `forward_function` over views of each image, float32 (n, rows, cols, channels) or channels first.

    Args:
        views: "one_view", the image as it is, or "all_views", for images like MNIST's, light glyphs in the centre of
            a dark field: what comes in from outside is 0.

    Returns:
        The mean of the views' probabilities, float32 (n, classes), and how sure the network is of its answer, the class
        with the highest mean: half way from that mean to the least that one of the views gives it, float32 (n,).

    Raises:
        InputError: see `predict_probabilities`.
    """
    names = {
        name: float(name.startswith("zoom")) for changes in CHANGES for name in changes
    }  # and what changes nothing
    amounts = {name: [changes.get(name, no) for changes in VIEWS[views]] for name, no in names.items()}
    copies = np.repeat(images, len(VIEWS[views]), axis=0)
    changed = transform_images(copies, **{name: np.tile(values, len(images)) for name, values in amounts.items()})
    each = predict_probabilities(forward, changed).reshape(len(images), len(VIEWS[views]), -1).astype(np.float64)
    mean = each.mean(axis=1).astype(np.float32)
    answer = each[np.arange(len(images)), :, mean.argmax(axis=1)]
    return mean, ((answer.mean(axis=1) + answer.min(axis=1)) / 2).astype(np.float32)
