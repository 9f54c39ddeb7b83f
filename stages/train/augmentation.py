"""Rotate, shear, zoom and shift training images at random: the network then knows more handwritings.

The amounts are a section of params.yaml; its check must not wait for numpy and TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from stages.running.params import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AMOUNTS = 6  # of a change


class Augmentation(Section):
    """The largest change of training images, to either side; each amount is drawn uniformly up to it.

    rotation: degrees.
    shear: columns per row; 0.25 slants as much as a steep handwriting.
    zoom: share by which rows and columns grow or shrink, independently.
    shift: pixels, along rows and along columns.
    """

    rotation: Annotated[float, Meta(ge=0, le=180)]
    shear: Annotated[float, Meta(ge=0, le=1)]
    zoom: Annotated[float, Meta(ge=0, lt=1)]
    shift: Annotated[float, Meta(ge=0, le=4096)]


# As much as handwritings differ, and as pictures of one digit differ.
OTHER_HANDS = Augmentation(rotation=12, shear=0.25, zoom=0.12, shift=1.5)


def augment(images: NDArray[np.float32], amounts: NDArray[np.float64], most: Augmentation) -> NDArray[np.float32]:
    """Change images, float32 (n, rows, cols, channels) or channels first, about their centre.

    They are turned counterclockwise, then sheared, zoomed and shifted; pixels from outside are 0, the background.

    Args:
        amounts: for each image, the shares of the largest changes, from -1 to 1, (n, AMOUNTS).
    """
    if not any(msgspec.structs.astuple(most)):
        return images
    import numpy as np
    import tensorflow as tf

    from stages.arrays.prepared import is_channels_first

    turn, shear, across, down, right, below = (
        amounts * [np.deg2rad(most.rotation), most.shear, most.zoom, most.zoom, most.shift, most.shift]
    ).T
    first = is_channels_first(images.shape[1:])
    pixels = np.moveaxis(images, 1, -1) if first else images
    rows, cols = pixels.shape[1:3]
    # These maps take places in the changed images to places in the given ones.
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = cos / (1 + across), (shear * cos - sin) / (1 + down)
    c, d = sin / (1 + across), (shear * sin + cos) / (1 + down)
    x, y = (cols - 1) / 2, (rows - 1) / 2
    to_x, to_y = x + right, y + below
    none = np.zeros(len(images))
    entries = (a, b, x - a * to_x - b * to_y, c, d, y - c * to_x - d * to_y, none, none)
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=np.stack(entries, axis=1).astype(np.float32),
        output_shape=(rows, cols),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    ).numpy()
    return np.ascontiguousarray(np.moveaxis(changed, -1, 1)) if first else changed
