"""Grade predictions by the true labels: the metrics of a whole test set, and the rows of the tables."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.running.outputs import DECIMALS
from stages.tables import CALIBRATION, ERRORS, Row

Z_95 = 1.959964  # two-sided 95 % quantile of the normal distribution
CALIBRATION_BINS = 15


class Answers(NamedTuple):
    """The predictions for n test images; each of shape (n,).

    actual: the number of the image's class.
    predicted: the number of the most probable class.
    confidence: its probability.
    """

    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which answers are right."""
        return self.actual == self.predicted


class Counts(NamedTuple):
    """For each class, the number of images, of predictions, and of correct predictions; all of shape (classes,)."""

    support: NDArray[np.int64]
    answers: NDArray[np.int64]
    hits: NDArray[np.int64]


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share seen in n trials (Wilson 1927): valid also near 0 and 1."""
    centre = share + Z_95**2 / (2 * n)
    reach = Z_95 * (share * (1 - share) / n + Z_95**2 / (4 * n * n)) ** 0.5
    scale = 1 + Z_95**2 / n
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def read_answers(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> Answers:
    """The answers, from probabilities (n, classes) and one-hot labels (n, classes)."""
    return Answers(labels.argmax(axis=1), probabilities.argmax(axis=1), probabilities.max(axis=1))


def count_classes(answers: Answers, classes: int) -> Counts:
    """Count the images and the answers, class by class."""
    chosen = (answers.actual, answers.predicted, answers.actual[answers.correct])
    return Counts(*(np.bincount(numbers, minlength=classes) for numbers in chosen))


def f1_scores(counts: Counts) -> NDArray[np.float64]:
    """Each class's harmonic mean of precision and recall; NaN if it is neither label nor prediction."""
    occurs = counts.support + counts.answers
    return np.divide(2 * counts.hits, occurs, out=np.full(len(occurs), np.nan), where=occurs > 0)


def list_classes(counts: Counts, classes: Sequence[int | str]) -> Iterator[Row]:
    """A row of CLASSES for each class: recall has a 95 % interval; support is the number of images.

    A ratio with the denominator 0 is None.
    """
    figures = zip(classes, f1_scores(counts).tolist(), *(column.tolist() for column in counts), strict=True)
    for name, f1, support, answers, hits in figures:
        low, high = wilson_interval(hits / support, support) if support else (None, None)
        yield {
            "class": name,
            "precision": hits / answers if answers else None,
            "recall": hits / support if support else None,
            "recall_low": low,
            "recall_high": high,
            "f1": f1 if support or answers else None,
            "support": support,
        }


def list_errors(answers: Answers, classes: Sequence[int | str]) -> Iterator[Row]:
    """A row of ERRORS for each wrong prediction, with the probability of the predicted class."""
    for index in np.flatnonzero(~answers.correct).tolist():
        actual, predicted, confidence = (column[index].item() for column in answers)
        yield dict(zip(ERRORS.columns, (index, classes[actual], classes[predicted], confidence), strict=True))


def calibration_bins(answers: Answers) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
    """Sort the answers by their confidence into CALIBRATION_BINS equal bins of [0, 1].

    Returns:
        For each bin, the number of answers, the sum of their confidence, and the number of right ones.
    """
    confidence = answers.confidence.astype(np.float64)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    counts, confidences, hits = (
        np.bincount(bins, weights, CALIBRATION_BINS) for weights in (None, confidence, answers.correct)
    )
    return counts, confidences, hits


def list_bins(answers: Answers) -> Iterator[Row]:
    """A row of CALIBRATION for each bin with answers: mean confidence, and accuracy with its 95 % interval."""
    for n, confidence, hits in zip(*(column.tolist() for column in calibration_bins(answers)), strict=True):
        if n > 0:
            values = confidence / n, hits / n, *wilson_interval(hits / n, n), n
            yield dict(zip(CALIBRATION.columns, values, strict=True))


def calibration_error(answers: Answers) -> float:
    """The expected calibration error (Guo et al. 2017): the gap between confidence and accuracy, by bin.

    Returns:
        The mean of |accuracy - confidence| over the bins, weighted by answers, in [0, 1].
    """
    _, confidences, hits = calibration_bins(answers)
    return float(np.abs(hits - confidences).sum() / len(answers.actual))


def grade(answers: Answers, counts: Counts, loss: float, leaked: Sequence[int]) -> dict[str, float]:
    """The metrics of a test set: accuracy with its 95 % interval, calibration error, loss, and the number of images.

    Args:
        counts: of the answers, class by class.
        loss: the mean categorical cross-entropy.
        leaked: rows of test images that the network was trained on; if there are any, the accuracy and the number of
            the others are added.
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
        # Over classes that occur as labels or predictions; the others have no F1.
        "macro_f1": float(np.nanmean(f1_scores(counts))),
    }
    graded = {name: round(value, DECIMALS) for name, value in metrics.items()}
    graded |= {"errors": n - int(correct.sum()), "n": n}
    if len(leaked) > 0:
        unseen = np.delete(correct, np.array(leaked))
        graded["n_unseen"] = len(unseen)
        if len(unseen) > 0:
            graded["accuracy_unseen"] = round(float(unseen.mean()), DECIMALS)
    return graded


def grade_extra(loss: float, accuracy: float, n: int) -> dict[str, float]:
    """Accuracy with its 95 % interval, loss and number of extra pictures; of so few, the loss tells more."""
    low, high = wilson_interval(accuracy, n)
    metrics = {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high, "loss": loss}
    return {name: round(value, DECIMALS) for name, value in metrics.items()} | {"n": n}


def baseline(counts: Counts) -> float:
    """The accuracy of always answering the largest class."""
    return float(counts.support.max() / counts.support.sum())


def beside_baseline(metrics: dict[str, float], baseline: float) -> tuple[str, bool]:
    """The accuracy beside its baseline, for the log, and whether it is hardly better."""
    accuracy, low, high = (metrics[f"accuracy{end}"] for end in ("", "_low", "_high"))
    interval = f"95 % interval {low:.4f} to {high:.4f}"
    line = f"accuracy {accuracy:.4f} ({interval}); always answering the largest class gives {baseline:.4f}"
    return line, low <= baseline
