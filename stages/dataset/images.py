"""Images that may be larger than memory: read a chunk or a few rows at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Array, chunks


def read_parts(images: Array, row_bytes: int) -> Iterator[NDArray[Any]]:
    """All images, a chunk after the other, each small enough that `row_bytes` an image are some megabytes."""
    return (images[chunk] for chunk in chunks(images, row_bytes))


def read_rows(images: Array, rows: Iterable[int]) -> NDArray[Any]:
    """The images of the given rows, at least one, in their order."""
    return np.concatenate([images[row : row + 1] for row in rows])


def evenly_spaced(n: int, most: int) -> list[int]:
    """At most `most` of the numbers 0..n-1: from the first to the last, in even steps."""
    if n <= most:
        return list(range(n))
    return [place * (n - 1) // (most - 1) for place in range(most)]
