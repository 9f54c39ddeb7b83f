"""The prepared arrays, which the network is trained and tested on: what they must be."""

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

    image_data_format: where the prepared images have their channels, "channels_last" or "channels_first".
    classes: what outputs call each class, by its number: a name, or the number itself where there are no names.
    centred_glyphs: whether the images are single light glyphs in the centre of a dark field, as MNIST's.
    """

    image_data_format: str
    classes: list[int] | list[str]
    centred_glyphs: bool


def read_dataset(path: Path, classes: int | None = None) -> Dataset:
    """Read what prepare wrote of the data set as JSON.

    Args:
        classes: how many it must have, if that is known.

    Raises:
        InputError: the file is missing or not of this kind.
    """
    try:
        dataset = Dataset(**json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(dataset.classes, list) or {type(name) for name in dataset.classes} not in ({int}, {str}):
            raise ValueError(f"classes are {dataset.classes!r}")
        if classes not in (None, len(dataset.classes)):
            raise ValueError(f"{len(dataset.classes)} classes, but the labels have {classes}")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: must be what the prepare stage wrote: {reason(error)}") from error
    return dataset


def channels_last(images: NDArray[np.float32], image_data_format: str) -> NDArray[np.float32]:
    """Images (n, rows, cols, channels), from these or from (n, channels, rows, cols)."""
    return images if image_data_format == "channels_last" else np.moveaxis(images, 1, -1)


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
        Rows of float32 images in [0, 1], of shape (n, rows, cols, channels) or (n, channels, rows, cols), and one-hot
        float32 labels of shape (n, classes), memory-mapped.

    Raises:
        InputError: a file cannot be opened, or is not of this kind.
    """
    x, y = open_prepared_images(images), open_array(labels)
    if y.ndim != 2 or y.dtype != np.float32:
        raise InputError(f"{labels}: {y.dtype} of shape {y.shape}, must be one-hot labels: float32, 2 dimensions")
    if len(x) != len(y) or len(x) == 0:
        raise InputError(f"{images}: {len(x)} images, but {labels} has {len(y)} labels; both must be equal, at least 1")
    return x, y
