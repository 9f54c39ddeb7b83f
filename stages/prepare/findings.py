"""What was found, image by image: how many of each kind, and which rows."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

SETS = {"train": "training", "test": "test"}  # and their names in messages
KINDS = ("leaked", "contradictory", "repeated", "constant")  # the worst first
COLUMNS = ("finding", "set", "row", "label", "other_set", "other_row", "other_label")
MOST_LISTED = 10_000  # per kind and set; but all leaked rows: evaluate leaves these out

RowNumbers = NDArray[np.integer[Any]]
Hashes = NDArray[np.uint64]


def row_hashes(images: NDArray[Any]) -> Hashes:
    """A 64-bit hash of each image's pixels, independent of dtype: (n, ...), any numeric dtype, to (n,) uint64.

    Whole numbers in 0..255 are hashed as uint8, all else as float32, the network's input. Among ten million images, the
    chance that any two different ones share a hash is below one in 300,000.
    """
    pixels = images.reshape(len(images), -1)
    with np.errstate(invalid="ignore"):  # of a float beyond uint8, which is hashed as float32
        small = pixels.astype(np.uint8, order="C", copy=False)
    rows: list[Any] = list(small)
    for row in np.flatnonzero((small != pixels).any(axis=1)):
        rows[row] = pixels[row].astype("<f4") + np.float32(0)  # -0.0 equals 0.0, but has other bytes
    return np.frombuffer(b"".join(blake2b(row, digest_size=8).digest() for row in rows), "<u8")


class Findings:
    """What was found in a data set; iteration yields the rows.

    Here, the rows of both sets are numbered together: the training set, then the test set.

    Args:
        hashes: `row_hashes` of the images of both sets.
        is_constant: which images of both sets have one colour only.
        labels: of "train" and "test", of shape (n,), each the number of a class.
        classes: the name of each class.
    """

    def __init__(
        self,
        hashes: Hashes,
        is_constant: NDArray[np.bool_],
        labels: Mapping[str, RowNumbers],
        classes: Sequence[str | int],
    ) -> None:
        self._n, self._classes = len(labels["train"]), classes
        self._labels = np.concatenate([labels["train"], labels["test"]])
        in_order = np.sort(hashes)
        repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
        rows = np.flatnonzero(np.isin(hashes, repeated))  # few, mostly: millions of rows would take memory
        in_test = rows >= self._n
        first = rows[_first_equal(hashes[rows])]
        first_of_set = np.where(in_test, 0, first)
        first_of_set[in_test] = rows[in_test][_first_equal(hashes[rows[in_test]])]
        constant = np.flatnonzero(is_constant)
        self._found: dict[
            tuple[str, str], tuple[RowNumbers, RowNumbers | None]
        ] = {}  # rows, and the first equal one of each
        for kind, others, is_found in (
            ("leaked", first, in_test & (first < self._n)),
            ("contradictory", first, self._labels[rows] != self._labels[first]),
            ("repeated", first_of_set, first_of_set < rows),
        ):
            for name, of_set in ("train", ~in_test), ("test", in_test):
                self._found[kind, name] = rows[is_found & of_set], others[is_found & of_set]
        for name, of_set in ("train", constant < self._n), ("test", constant >= self._n):
            self._found["constant", name] = constant[of_set], None

    def count(self, kind: str, *names: str) -> int:
        """How many of a kind were found in the sets named."""
        return sum(len(self._found[kind, name][0]) for name in names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what was found, sorted by kind, set and row: dictionaries of COLUMNS, "" where there is nothing.

        COLUMNS are "finding" (one of KINDS), "set", "row", "label" (the class's name), and for the first equal image
        "other_set", "other_row" and "other_label" (a constant image has none). Per kind and set, the first
        MOST_LISTED are listed; of "leaked", all.
        """
        for kind, name in itertools.product(KINDS, SETS):
            rows, others = self._found[kind, name]
            for i in range(len(rows) if kind == "leaked" else min(len(rows), MOST_LISTED)):
                other = ("", "", "") if others is None else self._place(int(others[i]))
                yield dict(zip(COLUMNS, (kind, *self._place(int(rows[i])), *other), strict=True))

    def _place(self, row: int) -> tuple[str, int, str | int]:
        """The set of a row, its number there, and the name of its class."""
        label = self._classes[int(self._labels[row])]
        return ("train", row, label) if row < self._n else ("test", row - self._n, label)


def _first_equal(hashes: Hashes) -> NDArray[np.int64]:
    """For each row of `hashes`, (n,), the first row with the same hash."""
    _, first, places = np.unique(hashes, return_index=True, return_inverse=True)
    return first[places]
