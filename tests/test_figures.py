"""The pictures that report draws, of data unlike MNIST's."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.report import tables
from stages.report.confusion import draw_confusion
from stages.report.curves import draw_curves
from stages.report.gallery import draw_gallery, most_confident
from stages.report.recall import draw_recall
from stages.report.reliability import draw_reliability
from stages.running.process import InputError


def class_rows(names: list[str]) -> list[tables.Row]:
    return [{"class": name, "recall": 0.9, "recall_low": 0.8, "recall_high": 0.95, "support": 10} for name in names]


NAMES = ["$a_b$", "\\frac{", "Übergrößenträgerinnen und Träger", "日本", "x"] + [f"class {n}" for n in range(300)]


@pytest.mark.parametrize("n", [2, 305])
def test_pictures_are_800_pixels_wide_whatever_and_however_many_classes(tmp_path: Path, n: int) -> None:
    names = NAMES[:n]
    errors = [
        {"index": place, "actual": name, "predicted": names[0], "probability": 0.5}
        for place, name in enumerate(names[1:])
    ]
    draw_confusion(tmp_path / "c.png", errors, class_rows(names))
    draw_recall(tmp_path / "r.png", [*class_rows(names), {**class_rows(["none"])[0], "support": 0, "recall": None}])
    shown = most_confident(errors)
    images = [np.random.default_rng(0).random((300, 20, 3)).astype(np.float32)] * len(shown)
    draw_gallery(tmp_path / "g.png", "title", shown, images)
    for name in "crg":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width == 800 and picture.height < 1300


def test_a_perfect_model_of_one_epoch_is_drawn_too(tmp_path: Path) -> None:
    draw_curves(tmp_path / "a.png", [{"epoch": 1, "accuracy": 1, "loss": 0, "val_accuracy": 1, "val_loss": 0}])
    draw_confusion(tmp_path / "b.png", [], class_rows(["a", "b"]))
    draw_gallery(tmp_path / "c.png", "no wrong answer", [], [])
    bins = [{"n": 3, "confidence": 1.0, "accuracy": 1.0, "accuracy_low": 0.4, "accuracy_high": 1.0}]
    draw_reliability(tmp_path / "d.png", bins, 0.0)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_table_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"t\.csv: must be a table with index, actual, predicted, probability"):
        tables.read_table(tmp_path / "t.csv", tables.ERRORS)
