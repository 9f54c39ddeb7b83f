"""The figures that grade a test set."""

import numpy as np
import pytest

from stages.network.runtime import start_tensorflow

start_tensorflow("avx2", "cpu")

from stages.evaluation.grading import calibration_error, grade, list_predictions, wilson_interval  # noqa: E402

PROBABILITIES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.5, 100, 0.4038, 0.5962), (1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775), (0.986, 10_000, 0.9835, 0.9881)],
)
def test_the_interval_is_that_of_wilson(share: float, n: int, low: float, high: float) -> None:
    assert wilson_interval(share, n) == pytest.approx((low, high), abs=1e-4)


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # four bins with one image each: |1 - 0.9|, |0 - 0.6|, |1 - 0.8|, |1 - 0.7|
    assert calibration_error(PROBABILITIES, LABELS) == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4, abs=1e-6)
    certain = np.eye(2, dtype=np.float32)[[0, 1]]
    assert calibration_error(certain, certain) == 0
    assert calibration_error(certain, certain[::-1]) == 1


def test_metrics_are_flat_finite_numbers_with_n() -> None:
    metrics = grade(PROBABILITIES, LABELS)
    assert metrics["accuracy"] == 0.75 and metrics["n"] == 4
    assert metrics["loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean(), abs=1e-5)
    assert all(np.isfinite(value) for value in metrics.values())


def test_predictions_list_every_image_with_its_classes_and_probability() -> None:
    rows = list_predictions(PROBABILITIES, LABELS)
    assert [row["predicted"] for row in rows] == [0, 0, 1, 1] and [row["actual"] for row in rows] == [0, 1, 1, 1]
    assert rows[1] == {"index": 1, "actual": 1, "predicted": 0, "probability": pytest.approx(0.6)}
