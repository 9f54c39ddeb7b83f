"""Images of any kind as small pictures that can be set side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def tile(image: NDArray[Any], white: float, size: int) -> NDArray[np.uint8]:
    """An image, (rows, cols) or (rows, cols, channels), as 8-bit colour, (h, w, 3), with h and w at most `size`.

    A small one is enlarged a whole number of times, so that each pixel shows; a large one is averaged down. Of 2
    channels the first is shown, of 4 the first 3.

    Args:
        white: the value that is white; 0 is black.
    """
    pixels = (np.clip(image.astype(np.float64) / white, 0, 1) * 255 + 0.5).astype(np.uint8)
    rows, cols = pixels.shape[:2]
    channels = pixels.reshape(rows, cols, -1)
    pixels = np.broadcast_to(channels[..., : 3 if channels.shape[2] >= 3 else 1], (rows, cols, 3))
    longer = max(rows, cols)
    if longer <= size:
        times = size // longer
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    shape = max(1, cols * size // longer), max(1, rows * size // longer)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(shape, Image.Resampling.BOX))
