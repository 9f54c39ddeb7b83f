"""The prepared arrays, which the network is trained and tested on: what they must be."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Rows, open_array
from stages.running.process import InputError


def open_prepared_images(path: Path) -> Rows:
    """Open prepared images alone, as `open_prepared` does.

    Raises:
        InputError: the file cannot be opened, or is not of this kind.
    """
    images = Rows(path)
    if len(images.shape) != 4 or images.dtype != np.float32:
        raise InputError(
            f"{path}: {images.dtype} of shape {images.shape}, must be prepared images: float32, 4 dimensions"
        )
    return images


def open_prepared(images: Path, labels: Path) -> tuple[Rows, NDArray[np.float32]]:
    """Open prepared images and their labels.

    Returns:
        Rows of float32 images in [0, 1], of shape (n, rows, cols, 1) or (n, 1, rows, cols), and one-hot float32 labels
        of shape (n, classes), memory-mapped.

    Raises:
        InputError: a file cannot be opened, or is not of this kind.
    """
    x, y = open_prepared_images(images), open_array(labels)
    if y.ndim != 2 or y.dtype != np.float32:
        raise InputError(f"{labels}: {y.dtype} of shape {y.shape}, must be one-hot labels: float32, 2 dimensions")
    if len(x) != len(y) or len(x) == 0:
        raise InputError(f"{images}: {len(x)} images, but {labels} has {len(y)} labels; both must be equal, at least 1")
    return x, y
