"""The pictures that report draws, of data unlike MNIST's."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.report.confusion import draw_confusion
from stages.report.figures import FIGURES
from stages.report.gallery import draw_errors
from stages.report.graded import Graded
from stages.report.recall import draw_recall
from stages.running.process import InputError
from stages.tables import ERRORS, Row


def class_rows(names: list[str]) -> list[Row]:
    return [{"class": name, "recall": 0.9, "recall_low": 0.8, "recall_high": 0.95, "support": 10} for name in names]


NAMES = ["$a_b$", "\\frac{", "Übergrößenträgerinnen und Träger", "日本", "x"] + [f"class {n}" for n in range(300)]


@pytest.mark.parametrize("n", [2, 305])
def test_pictures_are_800_pixels_wide_whatever_and_however_many_classes(tmp_path: Path, n: int) -> None:
    names = NAMES[:n]
    errors = [
        {"index": place, "actual": name, "predicted": names[0], "probability": 0.5}
        for place, name in enumerate(names[1:])
    ]
    classes = [*class_rows(names), {**class_rows(["none"])[0], "support": 0, "recall": None}]
    images = np.random.default_rng(0).random((n, 300, 20, 3), np.float32)
    graded = Graded([], errors, classes, [], {}, images)
    draw_confusion(tmp_path / "c.png", graded._replace(classes=class_rows(names)))
    draw_recall(tmp_path / "r.png", graded)
    draw_errors(tmp_path / "g.png", graded)
    for name in "crg":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width == 800 and picture.height < 1300


def test_a_perfect_model_of_one_epoch_is_drawn_too(tmp_path: Path) -> None:
    history = [{"epoch": 1, "accuracy": 1, "loss": 0, "val_accuracy": 1, "val_loss": 0}]
    bins = [{"n": 3, "confidence": 1.0, "accuracy": 1.0, "accuracy_low": 0.4, "accuracy_high": 1.0}]
    images = np.zeros((3, 8, 8, 1), np.float32)
    graded = Graded(history, [], class_rows(["a", "b"]), bins, {"calibration_error": 0.0}, images)
    for name, draw in FIGURES.items():
        draw(tmp_path / f"{name}.png", graded)
    assert len(list(tmp_path.iterdir())) == len(FIGURES)


def test_a_table_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "errors.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"errors\.csv: must be a table with index, actual, predicted, probability"):
        ERRORS.read(tmp_path)
