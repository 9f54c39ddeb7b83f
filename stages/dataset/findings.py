"""What was found, image by image: how many of each kind, and which rows."""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.dataset.duplicates import NOWHERE, Hashes, first_rows, occurrences

SETS = {"train": "training", "test": "test"}  # and what a person calls them
KINDS = ("leaked", "contradictory", "repeated", "constant")  # the worst first
COLUMNS = ("finding", "set", "row", "label", "other_set", "other_row", "other_label")
MOST_LISTED = 10_000  # of a kind and set; but all that leaked: evaluate leaves these out

Rows = NDArray[np.integer[Any]]


class Findings:
    """Counts what is found, and lists the first of it.

    Args:
        labels: of "train" and "test", of shape (n,), each the number of a class.
        classes: the name of each class.
    """

    def __init__(self, labels: Mapping[str, Rows], classes: Sequence[str | int]) -> None:
        self._labels, self._classes = labels, classes
        self._counts: Counter[tuple[str, str]] = Counter()
        self._listed: dict[tuple[str, str], list[tuple[Rows, str, Rows]]] = {}

    def add(self, kind: str, name: str, rows: Rows, other_name: str = "", other_rows: Rows | None = None) -> None:
        """Take in `rows` of the set `name`: each equals the one of `other_rows`, if given, in the set `other_name`.

        Rows must come in ascending order. The first MOST_LISTED of a kind and set are listed (all, if leaked).
        """
        listed = self._listed.setdefault((kind, name), [])
        most = len(rows) if kind == "leaked" else max(0, MOST_LISTED - self._counts[kind, name])
        if len(rows) > 0 and most > 0:
            listed.append((rows[:most], other_name, (rows if other_rows is None else other_rows)[:most]))
        self._counts[kind, name] += len(rows)

    def add_equal(self, repeated: Hashes, hashes: Mapping[str, Hashes]) -> None:
        """Find and take in equal images.

        Args:
            repeated: the hashes that occur more than once in the two sets together, in ascending order.
            hashes: of the images of "train" and "test", of shape (n,).
        """
        first = {name: first_rows(repeated, hashes[name]) for name in SETS}
        for name in SETS:
            for rows, places in occurrences(repeated, hashes[name]):
                own = first[name][places]
                again = rows > own
                self.add("repeated", name, rows[again], name, own[again])
                if name == "test":
                    training = first["train"][places]
                    leaked = training != NOWHERE
                    self.add("leaked", "test", rows[leaked], "train", training[leaked])
                    self._add_contradictory("test", rows[leaked], "train", training[leaked])
                    again &= ~leaked
                self._add_contradictory(name, rows[again], name, own[again])

    def _add_contradictory(self, name: str, rows: Rows, other_name: str, other_rows: Rows) -> None:
        """Take in those of the equal images whose labels differ."""
        differ = self._labels[name][rows] != self._labels[other_name][other_rows]
        self.add("contradictory", name, rows[differ], other_name, other_rows[differ])

    def count(self, kind: str, *names: str) -> int:
        """How many of a kind were found in the sets named."""
        return sum(self._counts[kind, name] for name in names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the findings listed, sorted by kind, set and row: dictionaries of COLUMNS, "" where there is nothing.

        These are: "finding" (one of KINDS), "set", "row", "label" (the class's name), and of the first equal image
        "other_set", "other_row" and "other_label" (a constant image has none).
        """
        for kind, name in itertools.product(KINDS, SETS):
            parts = self._listed.get((kind, name), [])
            each = [zip(rows.tolist(), itertools.repeat(other), others.tolist()) for rows, other, others in parts]
            for row, other, other_row in heapq.merge(*each):
                yield {
                    **{"finding": kind, "set": name, "row": row, "label": self._label(name, row)},
                    **{"other_set": other, "other_row": other_row if other else ""},
                    "other_label": self._label(other, other_row) if other else "",
                }

    def _label(self, name: str, row: int) -> str | int:
        return self._classes[int(self._labels[name][row])]
