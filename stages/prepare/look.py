"""A look at the data: count common faults of a data set that training does not show, in pixels and labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stages.arrays.npy import chunks
from stages.prepare.findings import SETS, Findings, row_hashes
from stages.prepare.warnings import class_warnings, image_warnings, imbalance

ClassNumbers = NDArray[np.integer[Any]]

PIXEL_BYTES, DIGEST_BYTES = 4, 100  # memory per pixel and per hash, while hashing
MOST_COUNTED = 100  # classes; more are too many to list each in a file for people


@dataclass(frozen=True)
class Look:
    """The result.

    Attributes:
        metrics: numbers in nested dictionaries:
            - "leaked": test images that are in the training set too;
            - "contradictory": images with another label than the first equal one (first in the training set, then in
              the test set);
            - for "train" and "test" each, "n": images; "repeated": images that equal an earlier one of their set;
              "constant": images of one colour only; "missing": classes without an image; "imbalance": images of the
              largest class / images of the smallest class that has any; "label_changes": rows with another label than
              the row before; "classes": the images of each class by its name, unless there are more than MOST_COUNTED
              classes.
        findings: the rows behind the first four kinds of count, one by one.
        warnings: a line for each thing that a person should look into.
    """

    metrics: dict[str, Any]
    findings: Findings
    warnings: list[str]


def look_at(
    images: Mapping[str, NDArray[Any]], labels: Mapping[str, ClassNumbers], classes: Sequence[str | int]
) -> Look:
    """Look at a data set. The images are read once, a chunk at a time; a hash of each stays in memory.

    Args:
        images: of "train" and "test", at least one each: (n, rows, cols) or (n, rows, cols, channels), any numeric
            dtype.
        labels: of "train" and "test", of shape (n,), each the number of a class.
        classes: the name of each class, or its number where it has none.
    """
    n = sum(map(len, images.values()))
    hashes, is_constant, start = np.empty(n, np.uint64), np.empty(n, bool), 0
    for name, set_name in SETS.items():
        parts = chunks(images[name], PIXEL_BYTES * math.prod(images[name].shape[1:]) + DIGEST_BYTES)
        with tqdm(parts, f"looking at {set_name} images", unit=" parts", leave=False, disable=None) as bar:
            for chunk in bar:
                part = images[name][chunk]
                rows = slice(start, start := start + len(part))
                hashes[rows], is_constant[rows] = row_hashes(part), are_constant(part)
    findings = Findings(hashes, is_constant, labels, classes)
    counts = {name: np.bincount(labels[name], minlength=len(classes)) for name in SETS}
    changes = {name: int(np.count_nonzero(labels[name][1:] != labels[name][:-1])) for name in SETS}
    metrics: dict[str, Any] = {
        "leaked": findings.count("leaked", "test"),
        "contradictory": findings.count("contradictory", *SETS),
    }
    for name in SETS:
        metrics[name] = {
            "n": len(labels[name]),
            "repeated": findings.count("repeated", name),
            "constant": findings.count("constant", name),
            "missing": int(np.count_nonzero(counts[name] == 0)),
            "imbalance": round(imbalance(counts[name]), 2),
            "label_changes": changes[name],
        }
        if len(classes) <= MOST_COUNTED:
            metrics[name]["classes"] = dict(zip(map(str, classes), counts[name].tolist(), strict=True))
    warnings = [*image_warnings(metrics, findings), *class_warnings(counts, classes)]
    return Look(metrics, findings, warnings)


def are_constant(images: NDArray[Any]) -> NDArray[np.bool_]:
    """Which images, of shape (n, rows, cols) or (n, rows, cols, channels), have one colour only: (n,)."""
    pixels = images.reshape(len(images), images.shape[1] * images.shape[2], -1)
    return (pixels == pixels[:, :1]).all(axis=(1, 2))
