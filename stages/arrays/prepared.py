"""The prepared arrays, which the network is trained and tested on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Rows, open_array
from stages.running.process import InputError, reason

MOST_CHANNELS = 4  # more along an axis are probably rows or columns, in another order than was declared


@dataclass(frozen=True)
class Dataset:
    """What is known of a prepared data set beside its arrays.

    classes: what outputs call each class, by its number: a name, or the number itself where there are no names.
    centred_glyphs: whether the images are single light glyphs in the centre of a dark field, as MNIST's.
    """

    classes: list[int | str]
    centred_glyphs: bool


def read_dataset(path: Path) -> Dataset:
    """Read what prepare wrote of the data set as JSON.

    Raises:
        InputError: there is no such file.
    """
    try:
        return Dataset(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from error


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether one prepared image of this shape is (channels, rows, cols) rather than (rows, cols, channels).

    There are at most MOST_CHANNELS channels, and prepare lets no image of so few columns have them first.
    """
    return shape[2] > MOST_CHANNELS


def channels_last(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (n, rows, cols, channels), from these or from (n, channels, rows, cols)."""
    return np.moveaxis(images, 1, -1) if is_channels_first(images.shape[1:]) else images


def open_prepared_images(path: Path) -> NDArray[np.float32]:
    """Map prepared images into memory: float32 (n, rows, cols, channels) or (n, channels, rows, cols), in [0, 1].

    They may be a person's own, as predict.input.

    Raises:
        InputError: there is no such file, or it is not of this kind.
    """
    try:
        images = open_array(path)
    except InputError:
        raise
    except Exception as error:  # a damaged header raises whatever its parser stumbles over
        raise InputError(f"{path}: not a readable .npy array: {reason(error)}") from error
    if images.ndim != 4 or images.dtype != np.float32:
        raise InputError(
            f"{path}: {images.dtype} of shape {images.shape}, must be prepared images: float32, 4 dimensions"
        )
    return images


def open_prepared(images: Path, labels: Path) -> tuple[Rows, NDArray[np.float32]]:
    """Open the images and labels that prepare wrote.

    Returns:
        Rows of images as in `open_prepared_images`, and one-hot float32 labels (n, classes), memory-mapped.

    Raises:
        InputError: there is no such file.
    """
    return Rows(images), open_array(labels)
