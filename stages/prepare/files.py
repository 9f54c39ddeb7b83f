"""The arrays on disk: open the raw ones that ingest wrote, write the prepared ones."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stages.arrays.npy import IMAGES, LABELS, chunks, open_array, write_array
from stages.arrays.prepared import MOST_CHANNELS
from stages.prepare.labels import one_hot
from stages.prepare.scaling import normalize
from stages.running.process import InputError

Prepare = Callable[[NDArray[Any]], NDArray[np.float32]]


@dataclass(frozen=True)
class RawSet:
    """Images (n, rows, cols) or (n, rows, cols, channels), labels (n, ...), and the name of each in messages."""

    images: NDArray[Any]
    labels: NDArray[Any]
    x: str
    y: str


def open_sets(raw: Path, image_data_format: str) -> dict[str, RawSet]:
    """Map the images and labels of both sets, from the folder of ingest, into memory.

    Args:
        image_data_format: of the files, "channels_last" (the channels' axis may be missing) or "channels_first".

    Returns:
        The sets under "train" and "test".

    Raises:
        InputError: images have a wrong shape or dtype.
    """
    sets = {}
    for name in ("train", "test"):
        x, y = raw / name / IMAGES, raw / name / LABELS
        sets[name] = RawSet(open_images(x, image_data_format), open_array(y), str(x), str(y))
    return sets


def open_images(path: Path, image_data_format: str) -> NDArray[Any]:
    """Map raw images into memory, as (n, rows, cols) or (n, rows, cols, channels), of any integer or float type.

    Flat ones, (n, pixels), are taken for square images.

    Args:
        image_data_format: as in `open_sets`.

    Raises:
        InputError: they have a wrong shape or dtype.
    """
    images = open_array(path)
    if images.ndim == 2 and (side := math.isqrt(images.shape[1])) ** 2 == images.shape[1]:
        print(f"{path}: images of {images.shape[1]} pixels in a row: taken for {side}x{side}")
        images = images.reshape(-1, side, side)
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
    return np.moveaxis(images, 1, -1) if first else images


class Part(NamedTuple):
    """Some rows of a set.

    images: (n, rows, cols) or (n, rows, cols, channels). labels: the number of each one's class, (n,). white: the value
    of a pixel that is white.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    white: float


def write_set(images: Path, labels: Path, parts: Sequence[Part], image_data_format: str, classes: int) -> None:
    """Write the images of all parts to one .npy file, and their labels to another: see `normalize` and `one_hot`."""
    scaled = [
        (part.images, partial(normalize, white=part.white, image_data_format=image_data_format)) for part in parts
    ]
    write_prepared(images, scaled)
    write_prepared(labels, [(part.labels, partial(one_hot, classes=classes)) for part in parts])


def write_prepared(path: Path, parts: Sequence[tuple[NDArray[Any], Prepare]]) -> None:
    """Write arrays, each by its function, as one .npy file, a chunk of rows at a time: they may be larger than memory.

    Args:
        parts: arrays, and what makes float32 of some rows of each, of equal shapes.
    """
    (first, prepare), *_ = parts
    shape = (sum(len(array) for array, _ in parts), *prepare(first[:0]).shape[1:])
    todo = [(array[chunk], prepare) for array, prepare in parts for chunk in chunks(array, prepare(array[:1]).nbytes)]
    with tqdm(todo, f"writing {path.name}", unit=" parts", leave=False, disable=None) as bar:
        write_array(path, "<f4", shape, (prepare(rows).astype("<f4", copy=False).data for rows, prepare in bar))
