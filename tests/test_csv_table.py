"""Tables of pixels are read as Kaggle has them, and strictly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.ingest.parameters import Data
from stages.ingest.raw import FILES
from stages.ingest.sources import copy_source
from stages.running.process import InputError
from tests.project import section

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (40, 9))
LABELS = np.arange(40) % 4
HEADER = "label," + ",".join(f"pixel{n}" for n in range(9))


def table(labels: np.ndarray = LABELS, images: np.ndarray = IMAGES, header: str = HEADER) -> str:
    rows = np.hstack([labels[:, None], images]) if len(labels) else images
    return "".join(f"{line}\n" for line in (header, *(",".join(map(str, row)) for row in rows.tolist())))


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, section(Data, **options))


def arrays(raw: Path) -> list[np.ndarray]:
    return [np.load(raw / file) for file in FILES.values()]


def test_of_kaggles_folder_a_share_of_each_class_is_held_back(tmp_path: Path) -> None:
    source = tmp_path / "kaggle"
    source.mkdir()
    (source / "train.csv").write_text(table())
    (source / "test.csv").write_text(table(np.empty(0), header=HEADER.removeprefix("label,")))
    (source / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    line, note = ingest(source, tmp_path / "raw", test_split=0.2)
    assert line.endswith("a table of pixels: 32 training and 8 test images of 3x3")
    assert "no labelled test.csv: 0.2 of each class was held back" in note
    x_train, y_train, x_test, y_test = arrays(tmp_path / "raw")
    assert np.bincount(y_test).tolist() == [2] * 4 and x_train.dtype == np.uint8
    images = {image.tobytes(): label for image, label in zip(IMAGES.astype(np.uint8), LABELS, strict=True)}
    both = zip([*x_train, *x_test], [*y_train, *y_test], strict=True)
    assert {image.tobytes(): label for image, label in both} == images
    again = [array.tobytes() for array in arrays(tmp_path / "raw")]
    (tmp_path / "mine.csv").write_text(table())
    ingest(tmp_path / "mine.csv", tmp_path / "raw")
    assert [array.tobytes() for array in arrays(tmp_path / "raw")] == again


def test_a_labelled_test_table_is_the_test_set(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(table())
    (tmp_path / "test.csv").write_text(table(LABELS[:6], IMAGES[:6]).replace("label", '"Label"'))
    assert "test.csv is the test set" in ingest(tmp_path, tmp_path / "raw")[1]
    x_train, y_train, x_test, y_test = arrays(tmp_path / "raw")
    assert (x_train.reshape(-1, 9) == IMAGES).all() and (y_train == LABELS).all()
    assert (x_test.reshape(-1, 9) == IMAGES[:6]).all() and (y_test == LABELS[:6]).all()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (table(header="5,0,0"), "must begin with a header line: label,pixel0"),
        (table(LABELS, IMAGES[:, :8]), "40 images of 8 pixels; must be at least 1, of a square number"),
        (f"{HEADER}\n", "must be at least 1"),
        (table(LABELS, IMAGES + 1000), "pixels from 10[0-9]+ to 12[0-9]+; must be from 0 to 255"),
        (table().replace(",", ",x", 12), "must hold whole numbers below its header"),
        (table(LABELS[:1], IMAGES[:1]), "1 images, too few to hold some back for the test"),
    ],
)
def test_what_is_no_such_table_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{problem}") as caught:
        ingest(tmp_path / "t.csv", tmp_path / "raw")
    assert "\n" not in str(caught.value) and not list(tmp_path.glob("raw/*"))


def test_no_line_is_taken_for_a_comment(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(table() + "#1" + ",7" * 9 + "\n")
    with pytest.raises(InputError, match=r"table\.csv: must hold whole numbers below its header: .*'#1'"):
        ingest(tmp_path / "table.csv", tmp_path / "raw")


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(table(), encoding="utf-8-sig")
    ingest(tmp_path / "table.csv", tmp_path / "raw")
    assert sum(len(array) for array in arrays(tmp_path / "raw")[::2]) == 40


def test_tables_with_images_of_two_sizes_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(table())
    (tmp_path / "test.csv").write_text(table(images=IMAGES[:, :4], header="label,pixel0,pixel1,pixel2,pixel3"))
    with pytest.raises(InputError, match=r"test\.csv: images of \(2, 2, 1\), but .*train\.csv has \(3, 3, 1\)"):
        ingest(tmp_path, tmp_path / "raw")
