"""Extra pictures: which join the training rows, which are held back, and what the report says of them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.arrays.npy import open_array
from stages.prepare.extra import Extra, count_extra, extra_warnings, read_extra
from stages.prepare.files import Part
from stages.running.process import InputError
from stages.train.rows import repeat_extra
from tests.project import Project

GRAY = (28, 28, 1)


def draw(path: Path, *bars: int, length: int = 100) -> None:
    """Vertical bars, like a 1, on paper."""
    picture = Image.new("L", (200, 200), "white")
    for x in bars:
        ImageDraw.Draw(picture).line([(x, 40), (x + 10, 40 + length)], "black", 12)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty pictures of a 1, of different lengths, one of them twice, and one of a 7."""
    for number in range(30):
        draw(tmp_path / f"1/{number}.png", 90, length=50 + 3 * number)
    draw(tmp_path / "1/again/0.png", 90, length=50)
    draw(tmp_path / "7/only.png", 60, length=90)
    (tmp_path / "README.md").write_text("no picture")
    (tmp_path / "empty").mkdir()
    return tmp_path


def read(folder: Path) -> Extra:
    return read_extra(folder, list(range(10)), GRAY, are_glyphs=True)


def fields(part: Part) -> set[bytes]:
    return {image.tobytes() for image in part.images}


def test_about_a_fifth_is_held_back_whatever_the_files_are_called(folder: Path) -> None:
    trained, held = read(folder)
    n = len({*fields(trained), *fields(held)})
    assert n == len(trained.labels) + len(held.labels) and 0 < len(held.labels) < n / 2
    assert sorted({*trained.labels.tolist(), *held.labels.tolist()}) == [1, 7]
    assert trained.images.dtype == np.float32 and trained.images.shape[1:] == GRAY
    assert (trained.images.max(axis=(1, 2, 3)) == 1).all() and trained.white == held.white == 1
    for number, file in enumerate(sorted((folder / "1").glob("*.png"), reverse=True)):
        file.rename(file.with_name(f"moved{number}.png"))
    again = read(folder)
    assert all((a.images == b.images).all() for a, b in zip((trained, held), again, strict=True))


def test_more_pictures_bring_none_from_those_trained_on_to_those_held_back(folder: Path) -> None:
    """Or the model before would have been trained on what the report grades it by."""
    trained, held = read(folder)
    for number in range(30):
        draw(folder / f"4/{number}.png", 20, 35, length=51 + 3 * number)
        draw(folder / f"1/more{number}.png", 90, length=52 + 3 * number)
    trained_then, held_then = read(folder)
    assert fields(trained) <= fields(trained_then) and fields(held) <= fields(held_then)


def test_without_pictures_there_are_no_rows(tmp_path: Path) -> None:
    trained, held = read(tmp_path)
    assert trained.images.shape == held.images.shape == (0, *GRAY) and len(trained.labels) == len(held.labels) == 0


def test_a_broken_digit_is_one_and_a_glyph_is_taken_as_it_is(tmp_path: Path) -> None:
    draw(tmp_path / "1/broken.png", 90, 115)
    (field,) = np.concatenate([part.images for part in read(tmp_path)])
    assert len(np.unique(np.flatnonzero(field.max(axis=(0, 2)) > 0.5))) > 6, "both bars"
    (tmp_path / "1/broken.png").unlink()
    glyph = (field[..., 0] * 255).round().astype(np.uint8)
    Image.fromarray(glyph).save(tmp_path / "1/glyph.png")
    (again,) = np.concatenate([part.images for part in read(tmp_path)])
    assert (again[..., 0] * 255).round().astype(np.uint8).tolist() == glyph.tolist()


def test_what_was_kept_of_a_bold_digit_is_taken_as_it_is(tmp_path: Path) -> None:
    """More than a third of it may be light."""
    glyph = np.zeros((28, 28), np.uint8)
    glyph[3:25, 4:24] = 255
    (tmp_path / "1").mkdir()
    Image.fromarray(glyph).save(tmp_path / "1/bold.png")
    (again,) = np.concatenate([part.images for part in read(tmp_path)])
    assert (again[..., 0] * 255).round().astype(np.uint8).tolist() == glyph.tolist()


def test_other_images_are_converted_and_resized(tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    Image.new("RGB", (50, 30), (255, 51, 0)).save(tmp_path / "red/a.png")
    parts = read_extra(tmp_path, ["blue", "red"], (8, 6, 3), are_glyphs=False)
    assert [label for part in parts for label in part.labels.tolist()] == [1]
    images = np.concatenate([part.images for part in parts])
    assert images.shape == (1, 8, 6, 3) and np.allclose(images, [1, 0.2, 0])


@pytest.mark.parametrize(
    ("name", "bars", "problem"),
    [
        ("1/two.png", (50, 140), "two.png: 2 digits were found; must hold one"),
        ("1/none.png", (), "none.png: no digit was found; must hold one"),
        ("stray.png", (90,), "stray.png: is in no class folder; must be in one, such as"),
        ("one/1.png", (90,), "one: is called like no class; must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ],
)
def test_what_is_no_picture_of_one_digit_of_a_class_is_refused(
    tmp_path: Path, name: str, bars: tuple[int, ...], problem: str
) -> None:
    draw(tmp_path / name, *bars)
    with pytest.raises(InputError, match=problem):
        read(tmp_path)


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "elsewhere/a.png", 90)
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra/1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="extra/1: is a link to a folder, which DVC does not watch"):
        read(tmp_path / "extra")


def test_two_spellings_of_a_name_are_one_class(tmp_path: Path) -> None:
    for number, name in enumerate(("\u00e9", "e\u0301")):
        draw(tmp_path / name / "a.png", 90, length=60 + 40 * number)
    parts = read_extra(tmp_path, ["a", "\u00e9"], GRAY, are_glyphs=True)
    assert [label for part in parts for label in part.labels.tolist()] == [1, 1]


def test_a_picture_in_two_classes_is_refused_and_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    draw(tmp_path / "1/a.png", 90)
    for name in (".partial-a.png", "._a.png"):
        (tmp_path / "1" / name).write_text("no picture")
    assert sum(len(part.labels) for part in read(tmp_path)) == 1
    draw(tmp_path / "7/b.png", 90)
    with pytest.raises(InputError, match=r"7/b.png: the same picture is in .*/1, too; must be in one class"):
        read(tmp_path)


def test_the_look_at_the_data_counts_them_and_warns_of_test_images(folder: Path) -> None:
    extra = read(folder)
    counts = count_extra(extra, list(range(10)))
    assert counts["train"] + counts["held_back"] == sum(counts["classes"].values()) and {*counts["classes"]} == {
        "1",
        "7",
    }
    test = np.rint(np.concatenate([part.images for part in extra])[:3, ..., 0] * 255).astype(np.uint8)
    assert extra_warnings(extra, 255 - test, 255) == []
    (warning,) = extra_warnings(extra, test, 255)
    assert warning.startswith("3 extra pictures are test images, too")
    none = read_extra(folder / "empty", list(range(10)), GRAY, are_glyphs=True)
    assert count_extra(none, list(range(10))) == {} and extra_warnings(none, test, 255) == []


def test_extra_rows_are_repeated_until_they_count_but_not_without_end() -> None:
    rows = np.arange(57_000)
    repeated = repeat_extra(rows, np.arange(60_000, 60_080))
    assert repeated[:57_000].tolist() == rows.tolist()
    assert np.unique(repeated[57_000:], return_counts=True)[1].tolist() == [11] * 80
    assert len(repeat_extra(rows, np.array([60_000]))) == 57_020 and len(repeat_extra(rows, rows[:0])) == 57_000
    assert len(repeat_extra(rows[:10], np.arange(10, 30))) == 30


@pytest.mark.slow
def test_the_report_says_what_extra_pictures_did_to_the_validation_rows_and_to_those_held_back(
    project: Project,
) -> None:
    """Both models have validated on the same rows, and read the same pictures; without these all is as before."""
    before = {name: (project.root / name).read_bytes() for name in ("models/cnn.h5", "metrics/train.json")}
    for number in range(10):
        draw(project.root / f"data/extra/1/{number}.png", 90, length=70 + 5 * number)
    project.reproduce()
    counts = json.loads((project.root / "metrics/data.json").read_text())["extra"]
    assert counts["train"] + counts["held_back"] == 10 and counts["held_back"] > 0
    trained, labels = (open_array(project.root / f"data/prepared/train/{name}.npy") for name in ("images", "labels"))
    assert len(trained) == len(labels) == 600 + counts["train"]
    assert labels[600:].argmax(axis=1).tolist() == [1] * counts["train"]
    assert (
        json.loads((project.root / "metrics/train.json").read_text())["val_n"]
        == json.loads(before["metrics/train.json"])["val_n"]
    )
    project.make("report").check_returncode()
    rows = [line.split(" | ") for line in (project.root / "report.md").read_text().splitlines()]
    known = {row[0].removeprefix("| "): row[1:] for row in rows if len(row) == 4}
    of_extra = (project.root / "report.md").read_text().partition("## Extra pictures, held back")[2]
    n = counts["held_back"]
    assert f"| n | {n} | {n} |" in of_extra and re.search(r"\| loss \| \S+ \| \S+ \| [-+]", of_extra)
    assert "| data/extra: 10 files |" in of_extra
    assert known["val\\_loss"][2].startswith(("+", "-")), "of the same rows"
    for number in range(10):
        (project.root / f"data/extra/1/{number}.png").unlink()
    project.reproduce()
    assert all((project.root / name).read_bytes() == content for name, content in before.items())
