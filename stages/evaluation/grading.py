"""Grading predicted probabilities by the true labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.network.inference import loss_and_accuracy
from stages.running.outputs import DECIMALS

Z_95 = 1.959964  # two-sided 95 % quantile of the normal distribution
CALIBRATION_BINS = 15


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


def grade(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> dict[str, float]:
    """The metrics of a test set: accuracy with its 95 % interval, calibration error, loss, and the number of images."""
    loss, accuracy = loss_and_accuracy(probabilities, labels)
    low, high = wilson_interval(accuracy, len(labels))
    metrics = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "calibration_error": calibration_error(probabilities, labels),
        "loss": loss,
    }
    return {name: round(value, DECIMALS) for name, value in metrics.items()} | {"n": len(labels)}


def list_predictions(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> list[dict[str, Any]]:
    """For each image its index, actual and predicted class, and the probability given to the predicted one."""
    actual, predicted = labels.argmax(axis=1).tolist(), probabilities.argmax(axis=1).tolist()
    return [
        {"index": index, "actual": a, "predicted": p, "probability": float(row[p])}
        for index, (a, p, row) in enumerate(zip(actual, predicted, probabilities, strict=True))
    ]
