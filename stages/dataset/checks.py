"""Checking, a chunk of rows at a time, that four arrays are a data set: images and labels that fit each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import chunks
from stages.running.process import InputError

# Sets whose largest values differ by more than this cannot both be pixels of 0..255.
MAX_SCALE_RATIO = 2


def check_images(images: NDArray[Any], name: str) -> float:
    """Check that `images` are gray pictures of shape (n, rows, cols) or (n, rows, cols, 1) with values 0..255.

    Returns:
        The largest value.

    Raises:
        InputError: the rank, size or dtype is another, or a pixel is not finite or out of range, or all are in 0..1.
    """
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,)):
        raise InputError(f"{name}: shape {images.shape}, must be (n, rows, cols) or (n, rows, cols, 1)")
    if 0 in images.shape:
        raise InputError(f"{name}: shape {images.shape}, must hold at least one image of at least one pixel")
    if images.dtype.kind not in "iuf":
        raise InputError(f"{name}: dtype {images.dtype}, must be an integer or float type with values 0..255")
    largest = 0.0
    for chunk in chunks(images):
        low, high = images[chunk].min(), images[chunk].max()
        if not (low >= 0 and high <= 255):  # so that NaN fails, too
            last = chunk.start + len(images[chunk]) - 1
            raise InputError(
                f"{name}: pixels from {low} to {high} in images {chunk.start} to {last}, must be finite and in 0..255"
            )
        largest = max(largest, float(high))
    if largest <= 1:
        raise InputError(
            f"{name}: the largest pixel is {largest:g}; must be on the scale 0..255 (these seem scaled to 0..1 already)"
        )
    return largest


def check_labels(labels: NDArray[Any], name: str, classes: int) -> None:
    """Check that `labels`, of shape (n,), are whole numbers in 0..classes-1, of an integer or float dtype.

    Raises:
        InputError: one is not, or the rank or dtype is another.
    """
    if labels.ndim != 1:
        raise InputError(f"{name}: shape {labels.shape}, must be (n,)")
    if labels.dtype.kind not in "iuf":
        raise InputError(f"{name}: dtype {labels.dtype}, must be an integer or float type")
    for chunk in chunks(labels):
        wrong = ~((labels[chunk] >= 0) & (labels[chunk] < classes) & (np.floor(labels[chunk]) == labels[chunk]))
        if wrong.any():
            row = chunk.start + int(wrong.argmax())
            raise InputError(f"{name}: label {labels[row]} in row {row}, must be a whole number in 0..{classes - 1}")


def check_sets(arrays: dict[str, NDArray[Any]], names: dict[str, str], classes: int) -> None:
    """Check a whole data set: x_train, y_train, x_test, y_test, and that they fit each other.

    Args:
        names: what to call each array in a message.

    Raises:
        InputError: as `check_images` and `check_labels`, or lengths, image sizes or scales differ.
    """
    largest = {}
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        largest[x] = check_images(arrays[x], names[x])
        check_labels(arrays[y], names[y], classes)
        if len(arrays[x]) != len(arrays[y]):
            raise InputError(f"{names[x]}: {len(arrays[x])} images, but {names[y]} has {len(arrays[y])} labels")
    train, test = arrays["x_train"].shape[1:3], arrays["x_test"].shape[1:3]
    if train != test:
        raise InputError(f"{names['x_test']}: images of {test}, but {names['x_train']} has {train}; must be equal")
    low, high = sorted(largest.values())
    if high > MAX_SCALE_RATIO * low:
        raise InputError(
            f"{names['x_test']}: pixels up to {largest['x_test']:g}, but {names['x_train']} has up to "
            f"{largest['x_train']:g}; both sets must be on the scale 0..255"
        )
