"""A look at the data: what is often wrong with a data set and no training tells, counted on its pixels and labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Array
from stages.dataset.duplicates import repeated_hashes, row_hashes
from stages.dataset.findings import SETS, Findings
from stages.dataset.images import read_parts
from stages.dataset.warnings import class_warnings, image_warnings, imbalance, order_notes
from stages.running.progress import progress

Numbers = NDArray[np.integer[Any]]  # class numbers, or counts

PIXEL_BYTES, DIGEST_BYTES = 4, 100  # what a pixel and a hash take while an image is hashed
MOST_COUNTED = 100  # classes beyond this are too many to count each in a file for people


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        metrics: numbers in nested dictionaries:
            - "leaked": test images that are in the training set too;
            - "contradictory": images with another label than the first equal one, which is looked for in the training
              set before the test set;
            - for "train" and "test" each, "n": images; "repeated": those that equal an earlier one of their set;
              "constant": those of one colour all over; "missing": classes without an image; "imbalance": how many times
              as many images the largest class has as the smallest that has any; "label_changes": rows whose label is
              not that of the row before; "classes": the images of each class by its name, unless there are more than
              MOST_COUNTED classes.
        findings: the rows behind the first four kinds of count, one by one.
        warnings: a line for each thing that a person should look into.
        notes: a line on an order of the rows that `train.validation_rows` can answer.
    """

    metrics: dict[str, Any]
    findings: Findings
    warnings: list[str]
    notes: list[str]


def look_at(
    images: Mapping[str, Array],
    labels: Mapping[str, Numbers],
    classes: Sequence[str | int],
    scratch: Path,
) -> Look:
    """Look at a data set that `raw.open_sets` has opened.

    The images are read once, a chunk at a time; two temporary files hold 8 bytes for each.

    Args:
        images: of "train" and "test", at least one each; of any numeric dtype.
        labels: of "train" and "test", of shape (n,), each the number of a class.
        classes: the name of each class, or its number where it has none.
        scratch: a folder for the temporary files. They have no name there, so that nothing is left behind.

    Raises:
        OSError: a temporary file cannot be written.
    """
    found = Findings(labels, classes)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=scratch) as in_order, TemporaryFile(dir=scratch) as to_sort:
        for name in SETS:
            start = 0
            parts = read_parts(images[name], PIXEL_BYTES * math.prod(images[name].shape[1:]) + DIGEST_BYTES)
            for part in progress(parts, len(images[name]), f"{SETS[name]} images looked at", len):
                hashes = row_hashes(part)
                in_order.write(hashes.data)  # not through a map: on a full disk, writing to one kills the process
                to_sort.write(hashes.data)
                found.add("constant", name, start + np.flatnonzero(are_constant(part)))
                start += len(part)
        in_order.flush()
        to_sort.flush()
        repeated = repeated_hashes(np.memmap(to_sort, np.uint64, "r+"))
        every, n = np.memmap(in_order, np.uint64, "r"), len(labels["train"])
        found.add_equal(repeated, {"train": every[:n], "test": every[n:]})
    counts = {name: np.bincount(labels[name], minlength=len(classes)) for name in SETS}
    changes = {name: int(np.count_nonzero(labels[name][1:] != labels[name][:-1])) for name in SETS}
    metrics = _metrics(found, counts, changes, classes)
    warnings = [*image_warnings(metrics, found), *class_warnings(counts, classes)]
    return Look(metrics, found, warnings, order_notes(labels["train"], counts["train"], changes["train"]))


def are_constant(images: NDArray[Any]) -> NDArray[np.bool_]:
    """Which images, of shape (n, rows, cols) or (n, rows, cols, channels), are of one colour all over: (n,)."""
    pixels = images.reshape(len(images), images.shape[1] * images.shape[2], -1)
    return (pixels == pixels[:, :1]).all(axis=(1, 2))


def _metrics(
    found: Findings,
    counts: Mapping[str, Numbers],
    changes: Mapping[str, int],
    classes: Sequence[str | int],
) -> dict[str, Any]:
    """What `Look.metrics` holds."""
    metrics: dict[str, Any] = {
        "leaked": found.count("leaked", "test"),
        "contradictory": found.count("contradictory", *SETS),
    }
    for name in SETS:
        metrics[name] = {
            "n": int(counts[name].sum()),
            "repeated": found.count("repeated", name),
            "constant": found.count("constant", name),
            "missing": int(np.count_nonzero(counts[name] == 0)),
            "imbalance": round(imbalance(counts[name]), 2),
            "label_changes": changes[name],
        }
        if len(classes) <= MOST_COUNTED:
            metrics[name]["classes"] = dict(zip(map(str, classes), counts[name].tolist(), strict=True))
    return metrics
