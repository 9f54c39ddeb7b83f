"""Folders of pictures become the same arrays whatever their names, order, files' kinds, and the number of cores."""

import csv
import hashlib
import itertools
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.ingest.parameters import Data
from stages.ingest.raw import FILES, held_back
from stages.ingest.sources import copy_source
from stages.running.process import InputError
from tests.project import section

ROWS, COLS = 4, 6
THREE = "1 (10), 2 (10), 10 (10)"


def pixels(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (ROWS, COLS, channels), dtype=np.uint8)


def save(path: Path, image: np.ndarray | Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())).save(path, **options)
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Ten gray pictures of each of three classes."""
    for number, name in enumerate(("1", "2", "10")):
        for i in range(10):
            save(tmp_path / "pets" / name / f"{i}.png", pixels(100 * number + i, 1))
    return tmp_path / "pets"


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, section(Data, **options))


def arrays(raw: Path) -> dict[str, np.ndarray]:
    return {name: np.load(raw / file) for name, file in FILES.items()}


def digest(raw: Path) -> str:
    return hashlib.md5(b"".join((raw / file).read_bytes() for file in FILES.values())).hexdigest()


def only_picture(folder: Path, raw: Path, **options: Any) -> np.ndarray:
    """What a folder with the one picture cat/a.* gives for it."""
    save(folder / "cat/other.png", pixels(1))
    ingest(folder, raw, **options)
    found = [np.load(raw / name / "images.npy")[0] for name in ("train", "test")]
    other = pixels(1) if found[0].ndim == 3 else np.asarray(Image.fromarray(pixels(1)).convert("L"))
    return next(image for image in found if not np.array_equal(image, other))


def test_class_folders_give_mixed_rows_their_classes_and_their_files(pets: Path, tmp_path: Path) -> None:
    lines = ingest(pets, tmp_path / "raw")
    assert lines == [f"{pets}: class folders of pictures: 24 training and 6 test images of 4x6 in 3 classes: {THREE}"]
    found = arrays(tmp_path / "raw")
    assert found["x_train"].shape == (24, ROWS, COLS) and found["x_train"].dtype == np.uint8
    labels = found["y_train"].tolist()
    assert len(set(labels[:8])) == len(set(labels[-8:])) == 3  # the last ones are held back for validation
    with (tmp_path / "raw/files.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {f"{name}/{i}.png" for name in (1, 2, 10) for i in range(10)}
    for row in rows:
        image, label = found[f"x_{row['set']}"][int(row["row"])], found[f"y_{row['set']}"][int(row["row"])]
        assert (image == np.asarray(Image.open(pets / row["file"]))).all() and row["file"].split("/")[0] == label


@pytest.mark.parametrize(
    ("train", "test", "val"),
    [
        ("seg_train/seg_train", "seg_test/seg_test", None),
        ("Train images", "Test images", None),
        ("Training", "Evaluation", "Validation"),
        ("train", "test", None),
    ],
)
def test_the_sets_of_a_download_are_known_by_their_names(
    tmp_path: Path, train: str, test: str, val: str | None
) -> None:
    source = tmp_path / "pets"
    for number, (folder, name) in enumerate(itertools.product((train, test, val), ("cat", "dog"))):
        if folder:
            save(source / folder / name / "1.png", pixels(number, 1))
    save(source / "seg_pred/1.png", pixels(9, 1))
    (source / "test2/cat").mkdir(parents=True)
    line, *notes = ingest(source, tmp_path / "raw")
    n = 4 if val else 2
    assert line == (
        f"{source}: class folders of pictures in {train}/ and {test}/: {n} training and 2 test images of 4x6 in "
        f"2 classes: cat ({n // 2 + 1}), dog ({n // 2 + 1})"
    )
    joined = [f"{source}: {source}/{val}: its 2 pictures join the training rows"] if val else []
    assert notes == [*joined, f"{source}: passed over, beside the sets: {source}/seg_pred, {source}/test2"]
    found = arrays(tmp_path / "raw")
    assert {image.tobytes() for image in found["x_test"]} == {pixels(number, 1).tobytes() for number in (2, 3)}


def test_classes_whose_names_have_train_and_test_in_them_are_classes(tmp_path: Path) -> None:
    for number in range(15):
        name = ("strainer", "oval", "latest fork")[number % 3]
        save(tmp_path / "pets" / name / f"{number}.png", pixels(number, 1))
    (line,) = ingest(tmp_path / "pets", tmp_path / "raw")
    assert line.endswith("in 3 classes: latest fork (5), oval (5), strainer (5)")


def test_names_dates_and_places_of_files_and_cores_change_no_byte(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(pets, tmp_path / "raw")
    moved = tmp_path / "elsewhere/train"  # a train folder alone is split as class folders alone
    shutil.copytree(pets, moved)
    for number, path in enumerate(sorted(moved.rglob("*.png"), reverse=True)):
        path.rename(path.parent / f"renamed {number}.png")
        os.utime(path.parent / f"renamed {number}.png", (number, number))
    for cores in (1, 7):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        ingest(moved.parent, tmp_path / f"raw{cores}")
        assert digest(tmp_path / "raw") == digest(tmp_path / f"raw{cores}")


def test_each_class_has_its_share_held_back_and_equal_pictures_one_side() -> None:
    digests = [bytes([value]) for value in (*range(20), *range(10, 40), 50, 50, 51, 50, 60, 60)]
    labels = ["a"] * 20 + ["b"] * 30 + ["c"] * 4 + ["d"] * 2
    sides = held_back(digests, labels, ["a", "b", "c", "d"], 0.25)
    assert Counter(label for label, held in zip(labels, sides, strict=True) if held) == {"a": 5, "b": 8, "c": 1}
    assert len(set(zip(digests, sides, strict=True))) == len(set(digests))
    for share in (0.01, 0.99):
        assert held_back([b"1", b"2"], ["a", "a"], ["a"], share) == [True, False]


def test_every_mode_comes_to_the_number_of_channels_by_the_declared_rule(tmp_path: Path) -> None:
    gray, rgb = pixels(0, 1)[..., 0], pixels(2)
    luma = np.asarray(Image.fromarray(rgb).convert("L"))
    assert abs(luma - rgb @ [0.299, 0.587, 0.114]).max() <= 0.51
    white = np.full((ROWS, COLS), 255, np.uint8)
    deep = Image.fromarray((gray.astype(np.uint16) << 8) + 77)
    clear = deep.copy()
    clear.info["transparency"] = clear.getpixel((0, 0))
    for name, image, as_gray in (
        ("rgb.PNG", Image.fromarray(rgb), luma),
        ("clear.png", Image.fromarray(np.dstack([rgb, 0 * white])), white),
        ("gray and alpha.png", Image.fromarray(np.dstack([gray, white])), gray),
        ("palette.bmp", Image.fromarray(gray).convert("P"), gray),
        ("one bit.png", Image.fromarray(gray > 127), np.where(gray > 127, 255, 0)),
        ("sixteen bits.png", deep, gray),
        ("sixteen bits.pgm", deep, gray),
        ("sixteen bits, one clear.png", clear, np.where(gray == gray[0, 0], white, gray)),
    ):
        source = save(tmp_path / name / "cat" / name, image).parent.parent
        assert (only_picture(source, tmp_path / "raw", channels=1) == as_gray).all(), name
        in_colour = only_picture(source, tmp_path / "raw", channels=3)
        assert (in_colour == (rgb if name == "rgb.PNG" else as_gray[..., np.newaxis])).all(), name


def test_several_sizes_are_resized_to_the_parameter_or_an_error(pets: Path, tmp_path: Path) -> None:
    large = np.full((50, 40), 99, np.uint8)
    for picture, said in ((np.rot90(pixels(7)), "6x4"), (large, "40x50")):
        odd = save(pets / "1/odd.png", picture)
        message = rf"pets: pictures of several sizes, 4x6 \(.*\.png\) and {said} \(.*\.png\); set data\.image_size"
        with pytest.raises(InputError, match=message):
            ingest(pets, tmp_path / "raw")
        odd.unlink()
    save(pets / "1/colour.png", pixels(7))  # so that all have three channels
    save(pets / "2/large.png", large)
    assert "of 9x5x3 in" in ingest(pets, tmp_path / "raw", image_size=[9, 5])[0]
    images = np.concatenate([arrays(tmp_path / "raw")[name] for name in ("x_train", "x_test")])
    assert any((image == 99).all() for image in images)


def test_classes_have_any_letters_and_what_is_passed_over_is_noted(pets: Path, tmp_path: Path) -> None:
    save(pets / "Müller, Söhne & 'Co'/deep/er/a.png", pixels(7, 1))
    save(pets / ".hidden/a.png", pixels(8, 1))
    save(pets / "1/.hidden.png", pixels(9, 1))
    (pets / "empty").mkdir()
    (pets / "1/itself").symlink_to("itself")
    (pets / "1/notes.txt").write_text("cats")
    (pets / "README").write_text("pets")
    save(pets / "loose.png", pixels(6, 1))
    first, second = (Image.fromarray(pixels(seed, 1)[..., 0]) for seed in (7, 8))
    save(pets / "1/moving.gif", first, save_all=True, append_images=[second])
    save(pets / "1/odd.png", second, exif=b"Exif\0\0no TIFF header")
    lines = ingest(pets, tmp_path / "raw", channels=1)
    assert [line.removeprefix(f"{pets}: ") for line in lines] == [
        "class folders of pictures: 27 training and 6 test images of 4x6 in 4 classes: "
        "1 (12), 2 (10), 10 (10) and 1 more",
        f"passed over, no picture in a class folder: {pets}/README, {pets}/loose.png, {pets}/1/itself and 1 more",
        f"passed over, a class folder without a picture: {pets}/empty",
        f"of several frames, the first was taken: {pets}/1/moving.gif",
        f"unreadable EXIF data, taken to be upright: {pets}/1/odd.png",
    ]
    assert "Müller, Söhne & 'Co'" in arrays(tmp_path / "raw")["y_train"]


def spoil(pets: Path) -> dict[str, str]:
    """Add pictures that cannot be read, each with what is said of it."""
    (pets / "1/cut.png").write_bytes((pets / "1/0.png").read_bytes()[:-30])
    (pets / "10/text.jpg").write_bytes(b"hello")
    (pets / "2/drawing.svg").write_bytes(b"<svg/>")
    (pets / "2/line\nbreak.png").touch()
    save(pets / "2/bomb.png", Image.new("1", (9_000, 9_000)))
    save(pets / "2/float.tiff", Image.fromarray(np.zeros((ROWS, COLS), np.float32)))
    sixteen = bytearray(save(pets / "2/white is 0.tiff", np.full((ROWS, COLS), 9, np.uint16)).read_bytes())
    sixteen[sixteen.index(b"\x06\x01\x03\0\x01\0\0\0\x01") + 8] = 0
    (pets / "2/white is 0.tiff").write_bytes(sixteen)
    os.mkfifo(pets / "2/pipe.png")
    (pets / "2/gone.png").symlink_to("nowhere.png")
    unknown = "not a picture of a known kind (save it as PNG or JPEG)"
    return {
        "1/cut.png": "damaged picture (image file is truncated",
        "10/text.jpg": unknown,
        "2/drawing.svg": unknown,
        "2/line\\nbreak.png": unknown,
        "2/bomb.png": "has more than 64,000,000 pixels",
        "2/float.tiff": "pixels of 32 bits, whose white no file declares; must have 8 or 16 bits",
        "2/white is 0.tiff": "16 bits with white as 0; must have black as 0",
        "2/pipe.png": "is not a file",
        "2/gone.png": "no such file",
    }


def test_unreadable_pictures_are_all_named_and_end_the_run_or_are_left_out(pets: Path, tmp_path: Path) -> None:
    ingest(pets, tmp_path / "raw")
    said = spoil(pets)
    with pytest.raises(InputError) as caught:
        ingest(pets, tmp_path / "raw2")
    lines = str(caught.value).split("\n")
    assert len(lines) == len(said)
    for name, message in said.items():
        assert any(line.startswith(f"{pets}/{name}: {message}") for line in lines), name
    assert not list((tmp_path / "raw2").iterdir())
    lines = ingest(pets, tmp_path / "raw2", unreadable_pictures="leave_out")
    assert {line.split(": ")[2] for line in lines if ": left out: " in line} == {f"{pets}/{name}" for name in said}
    assert digest(tmp_path / "raw") == digest(tmp_path / "raw2")


def test_links_to_files_are_followed_and_one_to_a_folder_is_refused(pets: Path, tmp_path: Path) -> None:
    """DVC hashes what linked files hold, as `dvc add` may leave them, but does not look into linked folders."""
    ingest(pets, tmp_path / "raw")
    linked = tmp_path / "linked"
    for file in pets.rglob("*.png"):
        place = linked / file.relative_to(pets)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    (line,) = ingest(linked, tmp_path / "raw2")
    assert line.endswith(f"24 training and 6 test images of 4x6 in 3 classes: {THREE}")
    assert digest(tmp_path / "raw") == digest(tmp_path / "raw2")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["train/a.png", "test/a.png", "rest/a.png"],
            "pets: holds rest, test, train, which are no classes; data.source",
        ),
        (["test/cat/a.png"], "pets: holds test, which are no classes; data.source must name the folder of the sets"),
        (["cat/train/a.png", "cat/test/a.png", "dog/a.png"], "pets/cat: holds test, train, which are no classes"),
        (
            ["cat/a.png", "dog/a.png", "test/cat/a.png"],
            "pets/test: class folders in it, and no train/ beside it: a set",
        ),
        (["train/cat/a.png", "val/cat/a.png"], "train and val, but no test: is val to test on (rename it to test), or"),
        (["train/cat/a.png", "dog/a.png"], "pets/dog: pictures beside "),
        (["train1/cat/a.png", "train2/cat/a.png", "test/cat/a.png"], "pets: train1, train2: several sets of one kind"),
        (["strainer/anna/a.png", "contest/ben/a.png"], "contest and strainer have no class in common: sets, or class"),
        (["train/cat/a.png", "test/cat/a.png", "test/dog/a.png"], "pets: classes without a training picture: dog"),
        (["train/cat/a.png", "test/cat/a.txt"], "pets/test: no picture in a class folder such as test/cat/1.png"),
        (["a\nb/a.png"], "pets: the class folder 'a\\nb': must be UTF-8, without line breaks, to be a label"),
        (["cat/a.png"], "pets: 1 pictures, 1 for the training and 0 for the test; must be at least 1 for each"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_one_line(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        save(tmp_path / "pets" / name, pixels(0, 1), format="PNG")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        ingest(tmp_path / "pets", tmp_path / "raw")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.npy"))
