"""Pixels of any scale: their largest value, the value of white, and scaling to [0, 1]."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stages.arrays.npy import chunks
from stages.running.process import InputError

WHITES = (255, 65535)  # of 8 and 16 bits: taken if the largest pixel is above half of it


def largest_pixel(images: NDArray[Any], name: str) -> float:
    """The largest pixel of all images.

    Raises:
        InputError: a pixel is negative or not finite.
    """
    largest = 0.0
    with tqdm(chunks(images), "looking for the largest pixel", unit=" parts", leave=False, disable=None) as bar:
        for chunk in bar:
            pixels = images[chunk]
            low, high = pixels.min(), pixels.max()
            if not (low >= 0 and high < np.inf):  # so that NaN fails, too
                bad = np.argwhere(~((pixels >= 0) & (pixels < np.inf)))[0]
                value = pixels[tuple(bad)]
                hint = " (images of -1..1 must be shifted first)" if value < 0 else ""
                raise InputError(
                    f"{name}: image {chunk.start + bad[0]} has a pixel of {value}; must be finite and at least 0{hint}"
                )
            largest = max(largest, float(high))
    return largest


def white_level(largest: Mapping[str, float], scale: float | None) -> float:
    """The pixel value that becomes 1.

    Args:
        largest: the largest pixel of each set of images, by name.
        scale: prepare.scale, or None to infer it from the pixels.

    Raises:
        InputError: a pixel is above `scale`, or the scale is unclear. Images of 0..1, of 0..16, of two values, or two
            sets on different scales would train badly after a wrong guess.
    """
    if scale is not None:
        for name, value in largest.items():
            if value > max(scale, float(np.float32(scale))):  # 0.1 as float32 is a little more than 0.1
                raise InputError(f"{name}: the largest pixel is {value:g}, must be at most prepare.scale = {scale:g}")
        return scale
    for white in WHITES:
        if all(white / 2 < value <= white for value in largest.values()):
            return white
    ranges = ", ".join(f"{name} has pixels up to {value:g}" for name, value in largest.items())
    raise InputError(f"{ranges}: which value is white? prepare.scale in params.yaml must say, e.g. 1, 16, 255 or 65535")


def normalize(images: NDArray[Any], white: float, image_data_format: str) -> NDArray[np.float32]:
    """Scale pixels of 0..white to [0, 1], with an axis of channels where `image_data_format` says.

    Args:
        images: (n, rows, cols) or (n, rows, cols, channels), any integer or float type.

    Returns:
        float32 of shape (n, rows, cols, channels) or (n, channels, rows, cols).
    """
    pixels = images[..., np.newaxis] if images.ndim == 3 else images
    if image_data_format == "channels_first":
        pixels = np.moveaxis(pixels, -1, 1)
    return np.divide(np.ascontiguousarray(pixels, np.float32), np.float32(white))
