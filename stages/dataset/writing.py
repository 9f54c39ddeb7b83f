"""Writing the prepared arrays, a chunk of rows at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Array, chunks, rows_in
from stages.running.outputs import replacing
from stages.running.progress import progress


def write_prepared(path: Path, array: Array, prepare: Callable[[NDArray[Any]], NDArray[np.float32]]) -> None:
    """Write `prepare(array)` as an .npy file, a chunk of rows at a time: the array may be larger than memory.

    A plain file, not a memory map: writing to a map of a full disk kills the process.
    """
    shape = (len(array), *prepare(array[:0]).shape[1:])
    with replacing(path) as partial, partial.open("wb") as output:
        np.lib.format.write_array_header_1_0(output, {"descr": "<f4", "fortran_order": False, "shape": shape})
        parts = chunks(array, prepare(array[:1]).nbytes)
        for chunk in progress(parts, len(array), f"rows of {path.name}", rows_in):
            output.write(prepare(array[chunk]).astype("<f4", copy=False).data)
