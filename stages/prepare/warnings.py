"""Warnings about what a person should check in a data set, and their thresholds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.prepare.findings import SETS

MANY_REPEATED = 0.01  # of a set: fewer are common, and counting them twice changes accuracy less than chance
LARGE_IMBALANCE = 10  # a network may ignore the small class and lose hardly any accuracy
EXPECTED = 10  # images of a class: a random test set that should have this many has none once in 22,000 times
MOST_NAMED = 10  # classes in a line


def image_warnings(metrics: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with single images, with an example of each kind.

    Args:
        metrics, findings: of a `look.Look`.
    """
    n = {name: metrics[name]["n"] for name in SETS}
    lines = []
    if count := metrics["leaked"]:
        lines.append(f"in the training set too: {count:,} of {n['test']:,} test images ({_first(findings, 'leaked')})")
    if count := metrics["contradictory"]:
        lines.append(f"another label than an equal image: {count:,} images ({_first(findings, 'contradictory')})")
    for name, set_name in SETS.items():
        of_set = f"of {n[name]:,} {set_name} images"
        if (count := metrics[name]["repeated"]) >= MANY_REPEATED * n[name]:
            lines.append(f"equal to an earlier one: {count:,} {of_set} ({_first(findings, 'repeated', name)})")
        if count := metrics[name]["constant"]:
            lines.append(f"of one colour all over: {count:,} {of_set} ({_first(findings, 'constant', name)})")
    return lines


def class_warnings(counts: Mapping[str, NDArray[np.integer[Any]]], classes: Sequence[str | int]) -> list[str]:
    """Which classes a set lacks, and whether there are far fewer training images of one than of another.

    Args:
        counts: the images of each class in "train" and "test", of shape (classes,).
        classes: their names.
    """
    train, test = counts["train"], counts["test"]
    due = train * (int(test.sum()) / int(train.sum()))  # test images of each class, if drawn like the training set
    lines = []
    for name, missing in ("train", train == 0), ("test", (test == 0) & (due >= EXPECTED)):
        names = [str(classes[number]) for number in np.flatnonzero(missing).tolist()]
        if names:
            more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
            few = f"{len(names):,} of {len(classes):,} classes: {', '.join(names[:MOST_NAMED])}{more}"
            lines.append(f"no {SETS[name]} image of {few}")
    if (ratio := imbalance(train)) >= LARGE_IMBALANCE:
        largest, smallest = int(train.argmax()), int(np.where(train, train, train.max()).argmin())
        lines.append(
            f"the largest class, {classes[largest]}, has {ratio:.0f} times as many training images "
            f"({train[largest]:,}) as the smallest, {classes[smallest]} ({train[smallest]:,})"
        )
    return lines


def imbalance(counts: NDArray[np.integer[Any]]) -> float:
    """Images of the largest class / images of the smallest class that has any, from `counts` (classes,)."""
    return float(counts.max() / counts[counts > 0].min())


def _first(findings: Iterable[Mapping[str, Any]], kind: str, *names: str) -> str:
    """The first finding of a kind, in any set or in those named."""
    row = next(row for row in findings if row["finding"] == kind and row["set"] in (names or SETS))
    text = f"first: {SETS[row['set']]} row {row['row']} ({row['label']})"
    if row["other_set"]:
        text += f" equals {SETS[row['other_set']]} row {row['other_row']} ({row['other_label']})"
    return text
