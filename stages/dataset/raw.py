"""The raw data set: two sets of images with their labels, as ingest wrote them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Array, open_rows
from stages.arrays.prepared import MOST_CHANNELS
from stages.running.process import InputError


@dataclass(frozen=True)
class RawSet:
    """Images, labels, and what to call each in a message."""

    images: Array
    labels: Array
    x: str
    y: str


def open_sets(raw: Path, image_data_format: str) -> dict[str, RawSet]:
    """Open {x,y}_{train,test}.npy in a folder, without reading more than their headers.

    Returns:
        The sets under "train" and "test".

    Raises:
        InputError: a file cannot be opened, or is of another kind, or they do not fit each other.
    """
    sets = {}
    for name in ("train", "test"):
        x, y = raw / f"x_{name}.npy", raw / f"y_{name}.npy"
        images, labels = open_images(x, image_data_format), open_rows(y)
        n = labels.shape[0] if labels.shape else 0
        if len(images) != n:
            raise InputError(f"{x}: {len(images)} images, but {y} has {n} labels")
        sets[name] = RawSet(images, labels, str(x), str(y))
    train, test = ((*each.images.shape[1:], 1)[:3] for each in sets.values())
    if train != test:
        raise InputError(f"{sets['test'].x}: images of {test}, but {sets['train'].x} has {train}; must be equal")
    return sets


def open_images(path: Path, image_data_format: str) -> Array:
    """Open raw images as (n, rows, cols) or (n, rows, cols, channels), whatever the order of axes in the file.

    Args:
        image_data_format: of the file, "channels_last" (the channels' axis may be missing) or "channels_first".

    Raises:
        InputError: the file cannot be opened, or its shape or dtype is not that of images.
    """
    images = open_rows(path)
    shape, first = images.shape, image_data_format == "channels_first"
    other = "channels_last" if first else "channels_first"
    axes = "(n, channels, rows, cols)" if first else "(n, rows, cols) or (n, rows, cols, channels)"
    if len(shape) != 4 and (first or len(shape) != 3):
        raise InputError(f"{path}: shape {shape}, must be {axes} (prepare.raw_image_data_format = {image_data_format})")
    if 0 in shape:
        raise InputError(f"{path}: shape {shape}, must hold at least one image of at least one pixel")
    if len(shape) == 4 and shape[1 if first else 3] > MOST_CHANNELS:
        raise InputError(
            f"{path}: shape {shape}, must be {axes} with at most {MOST_CHANNELS} channels "
            f"(prepare.raw_image_data_format = {image_data_format}; {other} if these come "
            f"{'last' if first else 'first'})"
        )
    if images.dtype.kind not in "iuf":
        raise InputError(f"{path}: dtype {images.dtype}, must be an integer or float type")
    return ChannelsLast(images) if first else images


class ChannelsLast:
    """Images that are stored as (n, channels, rows, cols), read as (n, rows, cols, channels)."""

    def __init__(self, images: Array) -> None:
        """Wrap them; nothing is read."""
        n, channels, rows, cols = images.shape
        self.shape, self.dtype = (n, rows, cols, channels), images.dtype
        self._images = images

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.moveaxis(self._images[rows], 1, -1)
