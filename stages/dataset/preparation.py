"""From raw arrays to prepared ones: images in [0, 1] with a channel axis, labels one-hot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import chunks
from stages.running.outputs import replacing


def normalize(images: NDArray[Any], image_data_format: str) -> NDArray[np.float32]:
    """Scale pixels to [0, 1] and add the channel axis.

    Args:
        images: (n, rows, cols) or (n, rows, cols, 1), any numeric dtype, values 0..255.
        image_data_format: "channels_last" or "channels_first".

    Returns:
        float32 of shape (n, rows, cols, 1) or (n, 1, rows, cols).
    """
    n, rows, cols = images.shape[:3]
    shape = (n, rows, cols, 1) if image_data_format == "channels_last" else (n, 1, rows, cols)
    return np.divide(np.ascontiguousarray(images, np.float32).reshape(shape), np.float32(255))


def one_hot(labels: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Turn whole numbers in 0..classes-1, of shape (n,), into float32 rows of shape (n, classes) with a single 1."""
    return (labels[:, np.newaxis] == np.arange(classes)).astype(np.float32)


def write_prepared(path: Path, array: NDArray[Any], prepare: Callable[[NDArray[Any]], NDArray[np.float32]]) -> None:
    """Write `prepare(array)` as an .npy file, a chunk of rows at a time: the array may be larger than memory.

    A plain file, not a memory map: writing to a map of a full disk kills the process.
    """
    shape = (len(array), *prepare(array[:0]).shape[1:])
    with replacing(path) as partial, partial.open("wb") as output:
        np.lib.format.write_array_header_1_0(output, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for chunk in chunks(array, prepare(array[:1]).nbytes):
            output.write(prepare(array[chunk]).astype("<f4", copy=False).data)
