"""Finding equal images among millions: by a hash of each, on disk, so that memory does not grow with their number."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import chunks

NOWHERE = np.iinfo(np.int64).max  # the first row of an image that a set lacks: greater than every row
WORKING_BYTES = 64  # of temporary arrays for each hash looked up, so that a chunk of hashes is a few megabytes

Hashes = NDArray[np.uint64]


def row_hashes(images: NDArray[Any]) -> Hashes:
    """A 64-bit hash of each image's pixels, whatever type holds them: (n, ...), any numeric dtype, to (n,) uint64.

    Whole numbers in 0..255 are hashed as uint8, all else as float32: what the network is given. Among ten million
    images, the chance that any two different ones share a hash is below one in 300,000.
    """
    pixels = images.reshape(len(images), -1)
    with np.errstate(invalid="ignore"):  # of a float beyond uint8, which is hashed as float32
        small = pixels.astype(np.uint8, order="C", copy=False)
    rows: list[Any] = list(small)
    for row in np.flatnonzero((small != pixels).any(axis=1)):
        rows[row] = pixels[row].astype("<f4") + np.float32(0)  # -0.0 equals 0.0, but has other bytes
    return np.frombuffer(b"".join(blake2b(row, digest_size=8).digest() for row in rows), "<u8")


def repeated_hashes(hashes: Hashes) -> Hashes:
    """The values that occur more than once in `hashes`, of shape (n,), in ascending order. Sorts `hashes` in place."""
    hashes.sort()
    repeats = np.asarray(hashes[1:] == hashes[:-1])
    repeats[1:] &= ~repeats[:-1]  # a value that occurs three times is one value
    return np.asarray(hashes[1:][repeats])


def occurrences(repeated: Hashes, hashes: Hashes) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Where `hashes`, of shape (n,), holds one of the values in `repeated`, which are in ascending order.

    Yields:
        For each chunk of `hashes`: its rows with such a value, ascending, and for each the value's place in `repeated`.
    """
    if len(repeated) == 0:
        return
    for chunk in chunks(hashes, WORKING_BYTES):
        part = np.asarray(hashes[chunk])
        places = np.searchsorted(repeated, part).clip(max=len(repeated) - 1)
        rows = np.flatnonzero(repeated[places] == part)
        yield rows + chunk.start, places[rows]


def first_rows(repeated: Hashes, hashes: Hashes) -> NDArray[np.int64]:
    """The first row of `hashes` that holds each value in `repeated`, in its order; NOWHERE where none does."""
    first = np.full(len(repeated), NOWHERE)
    for rows, places in occurrences(repeated, hashes):
        np.minimum.at(first, places, rows)
    return first
