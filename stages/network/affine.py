"""Images turned, sheared, zoomed and shifted about their centre."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from stages.arrays.prepared import is_channels_first

Amounts = NDArray[np.float64] | float


def transform_images(
    images: NDArray[np.float32],
    turn: Amounts = 0.0,
    shear: Amounts = 0.0,
    zoom_across: Amounts = 1.0,
    zoom_down: Amounts = 1.0,
    right: Amounts = 0.0,
    down: Amounts = 0.0,
) -> NDArray[np.float32]:
    """Change images, float32 (n, rows, cols, channels) or channels first, by an amount for each, (n,), or for all.

    What comes in from outside of an image is 0, its background.

    Args:
        turn: radians, counterclockwise as it is seen.
        shear: columns that a row moves to the right beside the next one.
        zoom_across, zoom_down: how many times wider and higher.
        right, down: pixels.
    """
    first = is_channels_first(images.shape[1:])
    pixels = np.moveaxis(images, 1, -1) if first else images
    rows, cols = pixels.shape[1:3]
    # The maps are from places in the changed images to places in the given ones.
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = cos / zoom_across, (shear * cos - sin) / zoom_down
    c, d = sin / zoom_across, (shear * sin + cos) / zoom_down
    x, y = (cols - 1) / 2, (rows - 1) / 2
    to_x, to_y = x + right, y + down
    entries = (a, b, x - a * to_x - b * to_y, c, d, y - c * to_x - d * to_y, 0.0, 0.0)
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=np.stack([np.broadcast_to(entry, len(images)) for entry in entries], axis=1).astype(np.float32),
        output_shape=(rows, cols),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    ).numpy()
    return np.ascontiguousarray(np.moveaxis(changed, -1, 1)) if first else changed
