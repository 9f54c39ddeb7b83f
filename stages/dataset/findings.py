"""What was found, image by image: how many of each kind, and which rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.dataset.duplicates import NOWHERE, Hashes, first_rows, occurrences

SETS = {"train": "training", "test": "test"}  # and what a person calls them
KINDS = ("leaked", "contradictory", "repeated", "constant")  # the worst first
COLUMNS = ("finding", "set", "row", "label", "other_set", "other_row", "other_label")
MOST_LISTED = 10_000  # of a kind and set; but all that leaked: evaluate leaves these out

Rows = NDArray[np.int64]


class Findings:
    """Counts what is found, and lists the first of it.

    Args:
        labels: of "train" and "test", of shape (n,), each the number of a class.
        classes: the name of each class.
    """

    def __init__(self, labels: Mapping[str, Rows], classes: Sequence[str | int]) -> None:
        self._labels, self._classes = labels, classes
        self._counts: Counter[tuple[str, str]] = Counter()
        self._listed: dict[tuple[str, str, str], list[dict[str, Any]]] = {}

    def add(self, kind: str, name: str, rows: Rows, other_name: str = "", other_rows: Rows | None = None) -> None:
        """Take in `rows` of the set `name`: each equals the one of `other_rows`, as many, in the set `other_name`.

        Rows of a kind and pair of sets must come in ascending order. The first MOST_LISTED are listed (all, if leaked).
        """
        self._counts[kind, name] += len(rows)
        listed = self._listed.setdefault((kind, name, other_name), [])
        most = None if kind == "leaked" else MOST_LISTED - len(listed)
        for place, row in enumerate(rows[:most].tolist()):
            finding: dict[str, Any] = {"finding": kind, "set": name, "row": row, "label": self._label(name, row)}
            finding |= {"other_set": other_name, "other_row": "", "other_label": ""}
            if other_rows is not None:
                finding["other_row"] = int(other_rows[place])
                finding["other_label"] = self._label(other_name, finding["other_row"])
            listed.append(finding)

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

    def rows(self) -> list[dict[str, Any]]:
        """The findings listed, sorted by kind, set and row: dictionaries of COLUMNS, "" where there is nothing.

        These are: "finding" (one of KINDS), "set", "row", "label" (the class's name), and of the first equal image
        "other_set", "other_row" and "other_label" (a constant image has none).
        """
        listed = [row for rows in self._listed.values() for row in rows]
        return sorted(listed, key=lambda row: (KINDS.index(row["finding"]), [*SETS].index(row["set"]), row["row"]))

    def _label(self, name: str, row: int) -> str | int:
        return self._classes[int(self._labels[name][row])]
