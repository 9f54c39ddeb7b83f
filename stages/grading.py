"""Grading predicted probabilities by the true labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.files import DECIMALS
from stages.inference import loss_and_accuracy

Z_95 = 1.959964  # two-sided 95 % quantile of the normal distribution


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share seen in n trials (Wilson 1927): sound also near 0 and 1."""
    centre = share + Z_95**2 / (2 * n)
    reach = Z_95 * (share * (1 - share) / n + Z_95**2 / (4 * n * n)) ** 0.5
    scale = 1 + Z_95**2 / n
    return (centre - reach) / scale, (centre + reach) / scale


def grade(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> dict[str, float]:
    """The metrics of a test set: accuracy and its 95 % interval, loss, and the number of images n."""
    loss, accuracy = loss_and_accuracy(probabilities, labels)
    low, high = wilson_interval(accuracy, len(labels))
    metrics = {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high, "loss": loss}
    return {name: round(value, DECIMALS) for name, value in metrics.items()} | {"n": len(labels)}


def list_predictions(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> list[dict[str, Any]]:
    """For each image its index, actual and predicted class, and the probability given to the predicted one."""
    actual, predicted = labels.argmax(axis=1).tolist(), probabilities.argmax(axis=1).tolist()
    return [
        {"index": index, "actual": a, "predicted": p, "probability": float(row[p])}
        for index, (a, p, row) in enumerate(zip(actual, predicted, probabilities, strict=True))
    ]
