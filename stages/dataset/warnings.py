"""The lines that say what in a data set a person should look into, and from where on it is worth a line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.dataset.findings import SETS

MANY_REPEATED = 0.01  # of a set: fewer are common, and an image that counts twice moves accuracy less than chance does
LARGE_IMBALANCE = 10  # a network may ignore such a class and lose hardly any accuracy
EXPECTED = 10  # images of a class: a test set drawn at random that should have so many has none once in 22,000 times
LONG_RUNS = 4  # times as long as in shuffled rows: no chance, unless the rows are a handful
TAIL = 0.05  # of the training rows, the last ones: people validate on so many at the least
MOST_NAMED = 10  # classes in a line


def image_warnings(metrics: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with single images, with an example of each kind.

    Args:
        metrics, findings: as a `look.Look` has them.
    """
    lines = []
    n = {name: metrics[name]["n"] for name in SETS}
    if count := metrics["leaked"]:
        subject = f"all {count:,} test images are" if count == n["test"] else _of(count, n["test"], "test", "is", "are")
        lines.append(f"{subject} in the training set too ({_first(findings, 'leaked')})")
    if count := metrics["contradictory"]:
        subject = "1 image has" if count == 1 else f"{count:,} images have"
        lines.append(f"{subject} another label than an equal image ({_first(findings, 'contradictory')})")
    for name, set_name in SETS.items():
        if (count := metrics[name]["repeated"]) >= MANY_REPEATED * n[name]:
            subject = _of(count, n[name], set_name, "repeats", "repeat")
            lines.append(f"{subject} an earlier one ({_first(findings, 'repeated', name)})")
        if count := metrics[name]["constant"]:
            subject = _of(count, n[name], set_name, "is", "are")
            lines.append(f"{subject} of one colour all over ({_first(findings, 'constant', name)})")
    return lines


def class_warnings(counts: Mapping[str, NDArray[np.integer[Any]]], classes: Sequence[str | int]) -> list[str]:
    """Which classes a set lacks, and whether there are far fewer training images of one than of another.

    Args:
        counts: the images of each class in "train" and "test", of shape (classes,).
        classes: their names.
    """
    train, test = counts["train"], counts["test"]
    due = train * (int(test.sum()) / int(train.sum()))  # test images of each class, were they drawn as the training set
    lines = []
    for name, missing in ("train", train == 0), ("test", (test == 0) & (due >= EXPECTED)):
        set_name, occurring = SETS[name], np.flatnonzero(counts[name]).tolist()
        if len(occurring) == 1 and missing.any():
            lines.append(f"the {set_name} set has images of one class only: {classes[occurring[0]]}")
        elif 2 * int(missing.sum()) > len(classes):
            lines.append(f"only {len(occurring):,} of the {len(classes):,} classes have a {set_name} image")
        elif missing.any():
            lines.append(
                f"{_listed([classes[number] for number in np.flatnonzero(missing).tolist()])} no {set_name} image"
            )
    if (ratio := imbalance(train)) >= LARGE_IMBALANCE:
        largest, smallest = int(train.argmax()), int(np.where(train, train, train.max()).argmin())
        lines.append(
            f"the largest class, {classes[largest]}, has {ratio:.0f} times as many training images "
            f"({train[largest]:,}) as the smallest, {classes[smallest]} ({train[smallest]:,})"
        )
    return lines


def imbalance(counts: NDArray[np.integer[Any]]) -> float:
    """How many times as many images the largest class has as the smallest that has any, of `counts` (classes,)."""
    return float(counts.max() / counts[counts > 0].min())


def order_notes(labels: NDArray[np.integer[Any]], counts: NDArray[np.integer[Any]], changes: int) -> list[str]:
    """Whether the training rows are in an order of classes, so that the last ones do not stand for all.

    Args:
        labels: of the training rows, of shape (n,).
        counts: the training images of each class, of shape (classes,).
        changes: rows whose label is not that of the row before.
    """
    n, occurring = len(labels), int(np.count_nonzero(counts))
    shuffled = n - float((counts * (counts / n)).sum())  # the changes to expect
    if LONG_RUNS * changes > shuffled or occurring == 1:
        return []
    if changes == occurring - 1:
        order = "are sorted by class"
    else:
        order = f"come in runs of one class ({changes:,} changes of label, where shuffled rows have {shuffled:,.0f})"
    tail = labels[n - max(1, round(TAIL * n)) :]
    return [
        f"the training labels {order}: the last {TAIL:.0%} of the rows hold {len(np.unique(tail)):,} of "
        f"{occurring:,} classes; to validate on all, train.validation_rows must be stratified"
    ]


def _of(count: int, n: int, set_name: str, one: str, several: str) -> str:
    """`count` of the images of a set, and the verb."""
    return f"{count:,} of {n:,} {set_name} images {one if count == 1 else several}"


def _first(findings: Iterable[Mapping[str, Any]], kind: str, *names: str) -> str:
    """The first finding of a kind, in any set or in those named."""
    row = next(row for row in findings if row["finding"] == kind and row["set"] in (names or SETS))
    labels = kind == "contradictory"
    text = f"first: {SETS[row['set']]} row {row['row']}" + (f", labelled {row['label']}," if labels else "")
    if row["other_set"]:
        text += f" equals {SETS[row['other_set']]} row {row['other_row']}"
        text += f", labelled {row['other_label']}" if labels else ""
    return text


def _listed(names: Sequence[str | int]) -> str:
    """Names of classes, and the verb: class 3 has; classes 3, 7 and 8 have; classes 0, 1 and 9 more have."""
    if len(names) == 1:
        return f"class {names[0]} has"
    shown = [str(name) for name in names]
    if len(names) > MOST_NAMED:
        shown = [*shown[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1:,} more"]
    return f"classes {', '.join(shown[:-1])} and {shown[-1]} have"
