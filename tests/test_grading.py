"""The figures that grade a test set."""

from collections.abc import Sequence

import numpy as np
import pytest

from stages.network.runtime import start_tensorflow

start_tensorflow("avx2", "cpu")

from stages.evaluate import grading  # noqa: E402
from stages.evaluate.grading import calibration_error, grade  # noqa: E402
from stages.network.inference import loss_and_accuracy  # noqa: E402
from stages.tables import CLASSES  # noqa: E402

PROBABILITIES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
ANSWERS = grading.read_answers(PROBABILITIES, LABELS)


def graded(classes: int = 2, leaked: Sequence[int] = ()) -> dict[str, float]:
    return grade(ANSWERS, grading.count_classes(ANSWERS, classes), 0.5, leaked)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.5, 100, 0.4038, 0.5962), (1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775)],
)
def test_the_interval_is_that_of_wilson(share: float, n: int, low: float, high: float) -> None:
    assert grading.wilson_interval(share, n) == pytest.approx((low, high), abs=1e-4)


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # four bins with one image each: |1 - 0.9|, |0 - 0.6|, |1 - 0.8|, |1 - 0.7|
    assert calibration_error(ANSWERS) == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4, abs=1e-6)
    certain = np.eye(2, dtype=np.float32)[[0, 1]]
    assert calibration_error(grading.read_answers(certain, certain)) == 0
    assert calibration_error(grading.read_answers(certain, certain[::-1])) == 1


def test_metrics_are_those_of_the_answers_and_of_the_classes_that_occur() -> None:
    metrics = graded()
    assert (metrics["accuracy"], metrics["errors"], metrics["n"]) == (0.75, 1, 4)
    # class 0: precision 1/2, recall 1; class 1: precision 1, recall 2/3
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-6)
    assert graded(classes=3) == metrics  # a class that neither occurs nor is answered
    loss, accuracy = loss_and_accuracy(PROBABILITIES, LABELS)
    assert loss == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean(), abs=1e-5) and accuracy == 0.75


def test_wrong_answers_are_listed_with_their_classes_and_probability() -> None:
    rows = list(grading.list_errors(ANSWERS, ["cat", "dog"]))
    assert rows == [{"index": 1, "actual": "dog", "predicted": "cat", "probability": pytest.approx(0.6)}]


def test_each_class_has_precision_recall_with_its_interval_f1_and_support() -> None:
    cat, dog, owl = grading.list_classes(grading.count_classes(ANSWERS, 3), ["cat", "dog", "owl"])
    assert (cat["class"], cat["precision"], cat["recall"], cat["support"]) == ("cat", 0.5, 1, 1)
    assert (dog["precision"], dog["recall"], dog["f1"], dog["support"]) == (1, 2 / 3, 0.8, 3)
    assert (dog["recall_low"], dog["recall_high"]) == grading.wilson_interval(2 / 3, 3)
    assert owl == {**dict.fromkeys(CLASSES.columns), "class": "owl", "support": 0}


def test_calibration_bins_have_every_image_once_and_their_means() -> None:
    rows = list(grading.list_bins(ANSWERS))
    assert [row["n"] for row in rows] == [1, 1, 1, 1]
    assert [row["confidence"] for row in rows] == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert [row["accuracy"] for row in rows] == [0, 1, 1, 1]
    assert (rows[0]["accuracy_low"], rows[0]["accuracy_high"]) == grading.wilson_interval(0, 1)


def test_accuracy_without_the_leaked_images_is_told_if_there_are_any() -> None:
    metrics = graded(leaked=[1])
    assert metrics["accuracy"] == 0.75 and metrics["accuracy_unseen"] == 1 and metrics["n_unseen"] == 3
    all_leaked = graded(leaked=range(4))
    assert all_leaked["n_unseen"] == 0 and "accuracy_unseen" not in all_leaked


def test_accuracy_is_told_beside_that_of_always_answering_the_largest_class() -> None:
    counts = grading.count_classes(ANSWERS, 3)
    assert grading.baseline(counts) == 0.75
    line, is_hardly_better = grading.beside_baseline(graded(), grading.baseline(counts))
    assert line.startswith("accuracy 0.7500 (95 % interval 0.3") and line.endswith("largest class gives 0.7500")
    assert is_hardly_better and not grading.beside_baseline(graded(), 0.25)[1]
