"""Opening .npy files without reading them whole."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stages.running.process import InputError, reason

CHUNK_BYTES = 16 << 20  # large enough for numpy's speed, small beside TensorFlow's own memory


def open_array(path: Path) -> NDArray[Any]:
    """Open an .npy file (format 1 to 3, any byte order, C or Fortran order) read-only, without reading its data.

    Raises:
        InputError: the file is missing, is not an .npy file, holds pickled objects (never loaded), or is shorter than
            its header claims.
    """
    return np.asarray(_open_memmap(path))  # the plain view: slicing np.memmap itself is slow


def _open_memmap(path: Path) -> np.memmap[Any, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    try:
        with np.errstate(over="ignore"):  # of a header's absurd shape, which is refused all the same
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # np.load has no error of its own: a damaged header raises whatever its parser does
        raise InputError(f"{path}: not a readable .npy array: {reason(error)}") from error
    if not isinstance(array, np.memmap):
        array.close()
        raise InputError(f"{path}: is an .npz archive, must be a single .npy array")
    return array


class Array(Protocol):
    """What can be read by rows, and need not fit in memory: `Rows`, an array, a view of either."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all rows."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a value."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


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
        """Open the file and read its header."""
        array = _open_memmap(path)
        if not array.flags.c_contiguous:
            raise InputError(f"{path}: in Fortran order, must be in C order, row after row")
        self.path, self.offset, self.shape, self.dtype = path, array.offset, array.shape, array.dtype
        self.row_bytes = array[:1].nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        numbers = range(*rows.indices(len(self))) if isinstance(rows, slice) else rows.tolist()
        with self.path.open("rb") as file:
            if isinstance(numbers, range) and numbers.step == 1:
                content = os.pread(file.fileno(), len(numbers) * self.row_bytes, self._place(numbers.start))
            else:
                content = b"".join(os.pread(file.fileno(), self.row_bytes, self._place(row)) for row in numbers)
        if len(content) < len(numbers) * self.row_bytes:
            raise InputError(f"{self.path}: has become shorter while it was read")
        return np.frombuffer(content, self.dtype).reshape(len(numbers), *self.shape[1:])

    def _place(self, row: int) -> int:
        return self.offset + row * self.row_bytes


def open_rows(path: Path) -> Rows | NDArray[Any]:
    """Open an .npy file to be read by rows: as `Rows`, or memory-mapped where its order is not that of rows.

    Raises:
        InputError: as `open_array`.
    """
    array = open_array(path)
    return Rows(path) if array.ndim > 0 and array.flags.c_contiguous else array


def chunks(array: Array, row_bytes: int = 0) -> Iterator[slice]:
    """Slices of rows that cover `array`, each of about CHUNK_BYTES: its own, or of what a row is turned into."""
    rows = max(1, CHUNK_BYTES // max(1, row_bytes, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield slice(start, min(start + rows, len(array)))


def rows_in(chunk: slice) -> int:
    """How many rows one of `chunks` has."""
    return int(chunk.stop - chunk.start)
