"""Grading predicted probabilities by the true labels."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.network.inference import loss_and_accuracy
from stages.running.outputs import DECIMALS
from stages.running.process import InputError, reason

Z_95 = 1.959964  # two-sided 95 % quantile of the normal distribution
CALIBRATION_BINS = 15
PREDICTION = ("index", "actual", "predicted", "probability")


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share seen in n trials (Wilson 1927): sound also near 0 and 1."""
    centre = share + Z_95**2 / (2 * n)
    reach = Z_95 * (share * (1 - share) / n + Z_95**2 / (4 * n * n)) ** 0.5
    scale = 1 + Z_95**2 / n
    return (centre - reach) / scale, (centre + reach) / scale


def calibration_error(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> float:
    """The expected calibration error (Guo et al. 2017): how far confidence and accuracy lie apart, in 15 equal bins.

    Args:
        probabilities: (n, classes).
        labels: one-hot (n, classes).

    Returns:
        The mean over the images of |accuracy - confidence| of their bin, in [0, 1].
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels.argmax(axis=1)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, correct - confidence, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def grade(
    probabilities: NDArray[np.float32], labels: NDArray[np.float32], leaked: NDArray[np.int64]
) -> dict[str, float]:
    """The metrics of a test set: accuracy with its 95 % interval, calibration error, loss, and the number of images.

    Args:
        leaked: rows of images that the network was trained on; if there are any, the accuracy of the others, and their
            number, are told, too.
    """
    loss, accuracy = loss_and_accuracy(probabilities, labels)
    low, high = wilson_interval(accuracy, len(labels))
    metrics = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "calibration_error": calibration_error(probabilities, labels),
        "loss": loss,
    }
    graded = {name: round(value, DECIMALS) for name, value in metrics.items()} | {"n": len(labels)}
    if len(leaked) > 0:
        unseen = np.delete(probabilities.argmax(axis=1) == labels.argmax(axis=1), leaked)
        graded["n_unseen"] = len(unseen)
        if len(unseen) > 0:
            graded["accuracy_unseen"] = round(float(unseen.mean()), DECIMALS)
    return graded


def list_predictions(
    probabilities: NDArray[np.float32], labels: NDArray[np.float32], classes: Sequence[int] | Sequence[str]
) -> Iterator[dict[str, Any]]:
    """For each image a row of PREDICTION: the probability is the one given to the predicted class."""
    actual, predicted = labels.argmax(axis=1), probabilities.argmax(axis=1)
    for index, (a, p) in enumerate(zip(actual, predicted, strict=True)):
        values = (index, classes[a], classes[p], float(probabilities[index, p]))
        yield dict(zip(PREDICTION, values, strict=True))


def leaked_rows(findings: Path, n: int) -> NDArray[np.int64]:
    """The rows of the `n` test images that are in the training set too, from the table that prepare writes.

    Raises:
        InputError: the file is missing or not of this kind.
    """
    try:
        with findings.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if "finding" not in (table.fieldnames or ()):
                raise ValueError("it has no such columns")
            rows = [int(row["row"]) for row in table if row["finding"] == "leaked"]
        if any(not 0 <= row < n for row in rows):
            raise ValueError(f"it names rows beyond the {n:,} test images")
    except FileNotFoundError as error:
        raise InputError(f"{findings}: no such file; `dvc repro` makes it") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{findings}: must be the table that prepare wrote: {reason(error)}") from error
    return np.unique(np.array(rows, np.int64))
