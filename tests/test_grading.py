"""The figures that grade a test set."""

from pathlib import Path

import numpy as np
import pytest

from stages.network.runtime import start_tensorflow
from stages.running.process import InputError

start_tensorflow("avx2", "cpu")

from stages.evaluation.grading import calibration_error, grade, leaked_rows, list_predictions, wilson_interval  # noqa: E402

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
    metrics = grade(PROBABILITIES, LABELS, np.array([], np.int64))
    assert metrics["accuracy"] == 0.75 and metrics["n"] == 4
    assert metrics["loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean(), abs=1e-5)
    assert all(np.isfinite(value) for value in metrics.values())


def test_predictions_list_every_image_with_its_classes_and_probability() -> None:
    rows = list(list_predictions(PROBABILITIES, LABELS, [0, 1]))
    assert [row["predicted"] for row in rows] == [0, 0, 1, 1] and [row["actual"] for row in rows] == [0, 1, 1, 1]
    assert rows[1] == {"index": 1, "actual": 1, "predicted": 0, "probability": pytest.approx(0.6)}
    named = list(list_predictions(PROBABILITIES, LABELS, ["cat", "dog"]))
    assert [row["predicted"] for row in named] == ["cat", "cat", "dog", "dog"]


def test_accuracy_without_the_leaked_images_is_told_if_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("finding,set,row\nrepeated,test,3\nleaked,test,1\nleaked,test,1\n")
    leaked = leaked_rows(tmp_path / "f.csv", 4)
    assert leaked.tolist() == [1]
    metrics = grade(PROBABILITIES, LABELS, leaked)
    assert metrics["accuracy"] == 0.75 and metrics["accuracy_unseen"] == 1 and metrics["n_unseen"] == 3
    all_leaked = grade(PROBABILITIES, LABELS, np.arange(4))
    assert all_leaked["n_unseen"] == 0 and "accuracy_unseen" not in all_leaked


def test_a_table_of_findings_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    for content in ("", "a,b\n1,2\n", "finding,set,row\nleaked\n", "finding,set,row\nleaked,test,4\n"):
        (tmp_path / "f.csv").write_text(content)
        with pytest.raises(InputError, match=r"f\.csv: must be the table that prepare wrote"):
            leaked_rows(tmp_path / "f.csv", 4)
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        leaked_rows(tmp_path / "none.csv", 4)
