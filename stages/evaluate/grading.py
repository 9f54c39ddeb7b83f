"""Grading answers by the true labels: the figures of a whole test set."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.evaluate.tables import Answers, Counts, calibration_bins, f1_scores, wilson_interval
from stages.running.outputs import DECIMALS


def calibration_error(answers: Answers) -> float:
    """The expected calibration error (Guo et al. 2017): how far confidence and accuracy lie apart, bin by bin.

    Returns:
        The mean over the answers of |accuracy - confidence| of their bin, in [0, 1].
    """
    _, confidences, hits = calibration_bins(answers)
    return float(np.abs(hits - confidences).sum() / len(answers.actual))


def grade(answers: Answers, counts: Counts, loss: float, leaked: NDArray[np.int64]) -> dict[str, float]:
    """The metrics of a test set: accuracy with its 95 % interval, calibration error, loss, and the number of images.

    Args:
        counts: of the answers, class by class.
        loss: the mean categorical cross-entropy.
        leaked: rows of images that the network was trained on; if there are any, the accuracy of the others, and their
            number, are told, too.
    """
    correct = answers.correct
    n, accuracy = len(correct), float(correct.mean())
    low, high = wilson_interval(accuracy, n)
    metrics = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "calibration_error": calibration_error(answers),
        "loss": loss,
        # Of the classes that occur, as labels or as answers: the others have none.
        "macro_f1": float(np.nanmean(f1_scores(counts))),
    }
    graded = {name: round(value, DECIMALS) for name, value in metrics.items()}
    graded |= {"errors": n - int(correct.sum()), "n": n}
    if len(leaked) > 0:
        unseen = np.delete(correct, leaked)
        graded["n_unseen"] = len(unseen)
        if len(unseen) > 0:
            graded["accuracy_unseen"] = round(float(unseen.mean()), DECIMALS)
    return graded


def leaked_rows(findings: Path) -> NDArray[np.int64]:
    """The rows of the test images that are in the training set too, from the table that prepare writes."""
    with findings.open(encoding="utf-8", newline="") as file:
        return np.array([int(row["row"]) for row in csv.DictReader(file) if row["finding"] == "leaked"], np.int64)
