"""The prepared arrays, which the network is trained and tested on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import open_array
from stages.running.process import InputError, reason

# Beside each set: whether images are centred glyphs; of the training set, how many of its last rows are extra pictures'
# (`extra`); of the test set, the names of the classes and the rows that leaked.
DATASET = "dataset.json"
EXTRA = "extra"  # folder in the test set's: a set of its own, of extra pictures that the network was not trained on
MOST_CHANNELS = 4  # a longer axis is probably rows or columns, in another order than declared


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether one prepared image of this shape is (channels, rows, cols) rather than (rows, cols, channels).

    There are at most MOST_CHANNELS channels, and prepare refuses channels-first images of so few columns.
    """
    return shape[2] > MOST_CHANNELS


def channels_last(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images as (n, rows, cols, channels), from this or from (n, channels, rows, cols)."""
    return np.moveaxis(images, 1, -1) if is_channels_first(images.shape[1:]) else images


def open_prepared_images(path: Path) -> NDArray[np.float32]:
    """Map prepared images into memory: float32 (n, rows, cols, channels) or (n, channels, rows, cols), in [0, 1].

    predict.input may name a user's own file.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it holds no such images.
    """
    try:
        images = open_array(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged header can raise any exception
        raise InputError(f"{path}: not a readable .npy array: {reason(error)}") from error
    if images.ndim != 4 or images.dtype != np.float32:
        raise InputError(
            f"{path}: {images.dtype} of shape {images.shape}, must be prepared images: float32, 4 dimensions"
        )
    return images
