"""Opening .npy files without reading them whole, and checking in chunks that they hold images and labels."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.process import InputError, reason

CHUNK_BYTES = 16 << 20  # large enough for numpy's speed, small beside TensorFlow's own memory

# Sets whose largest values differ by more than this cannot both be pixels of 0..255.
MAX_SCALE_RATIO = 2


def open_array(path: Path, name: str = "") -> NDArray[Any]:
    """Open an .npy file (format 1 to 3, any byte order, C or Fortran order) read-only, without reading its data.

    Args:
        name: what to call it in a message; its path unless given.

    Raises:
        InputError: the file is missing, is no .npy file, holds pickled objects (never loaded), or is shorter than its
            header claims.
    """
    return np.asarray(_open_memmap(path, name or str(path)))  # the plain view: slicing np.memmap itself is slow


def _open_memmap(path: Path, name: str) -> np.memmap[Any, Any]:
    if not path.is_file():
        raise InputError(f"{name}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{name}: the file is empty")
    try:
        with np.errstate(over="ignore"):  # of a header's absurd shape, which is refused all the same
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # np.load has no error of its own: a damaged header raises whatever its parser does
        raise InputError(f"{name}: not a readable .npy array: {reason(error)}") from error
    if not isinstance(array, np.memmap):
        array.close()
        raise InputError(f"{name}: is an .npz archive, must be a single .npy array")
    return array


class Rows:
    """An .npy file in C order whose rows are copied from it as they are asked for: rows[slice], rows[row numbers].

    Rows read at random through a memory map would each count as this process's memory with the large page (up to 2 MB)
    of the kernel's cache that it lies in, although the process needs none of it.

    Attributes:
        shape, dtype: those of the whole array.

    Raises:
        InputError: as `open_array`, or the array is in Fortran order.
    """

    def __init__(self, path: Path) -> None:
        array = _open_memmap(path, str(path))
        if not array.flags.c_contiguous:
            raise InputError(f"{path}: in Fortran order, must be in C order, row after row")
        self.path, self.offset, self.shape, self.dtype = path, array.offset, array.shape, array.dtype
        self.row_bytes = array[:1].nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        numbers = range(*rows.indices(len(self))) if isinstance(rows, slice) else rows.tolist()
        with self.path.open("rb") as file:
            parts = [os.pread(file.fileno(), self.row_bytes, self.offset + n * self.row_bytes) for n in numbers]
        return np.frombuffer(b"".join(parts), self.dtype).reshape(len(numbers), *self.shape[1:])


def chunks(array: NDArray[Any], row_bytes: int = 0) -> Iterator[slice]:
    """Slices of rows that cover `array`, each of about CHUNK_BYTES: its own, or of what a row is turned into."""
    rows = max(1, CHUNK_BYTES // max(1, row_bytes, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield slice(start, start + rows)


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
        raise InputError(f"{name}: the largest pixel is {largest:g}; must be in 0..255, or all would become black")
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
