"""Folders of pictures become the same arrays whatever their names, order, files' kinds, and the number of cores."""

import csv
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.running.process import InputError
from stages.sources.class_folders import held_back
from stages.sources.parameters import Data
from stages.sources.recognition import copy_source
from tests.project import RECIPE, ROOT, section

ROWS, COLS = 4, 6
THREE = "1 (10), 2 (10), 10 (10)"
NAMES = ("x_train", "y_train", "x_test", "y_test")


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
    return {name: np.load(raw / f"{name}.npy") for name in NAMES}


def digest(raw: Path) -> str:
    return hashlib.md5(b"".join((raw / f"{name}.npy").read_bytes() for name in NAMES)).hexdigest()


def only_picture(folder: Path, raw: Path, **options: Any) -> np.ndarray:
    """What a folder with the one picture cat/a.* gives for it."""
    save(folder / "cat/other.png", pixels(1))
    ingest(folder, raw, **options)
    other = pixels(1) if np.load(raw / "x_train.npy").ndim == 4 else np.asarray(Image.fromarray(pixels(1)).convert("L"))
    found = [np.load(raw / f"x_{name}.npy")[0] for name in ("train", "test")]
    return next(image for image in found if not np.array_equal(image, other))


def test_class_folders_give_images_and_the_names_of_their_classes(pets: Path, tmp_path: Path) -> None:
    lines = ingest(pets, tmp_path / "raw")
    assert lines == [f"{pets}: class folders of pictures: 24 training and 6 test images of 4x6 in 3 classes: {THREE}"]
    found = arrays(tmp_path / "raw")
    assert found["x_train"].shape == (24, ROWS, COLS) and found["x_train"].dtype == np.uint8
    assert found["y_train"].dtype == found["y_test"].dtype == np.dtype("<U2")
    classes = {pixels(100 * n + i, 1).tobytes(): name for n, name in enumerate(("1", "2", "10")) for i in range(10)}
    for part in ("train", "test"):
        labels = [classes.pop(image.tobytes()) for image in found[f"x_{part}"]]
        assert labels == found[f"y_{part}"].tolist()
    assert classes == {}


def test_a_test_folder_is_the_test_set(tmp_path: Path) -> None:
    for name, seeds in (("train/cat", [0, 1]), ("train/dog", [2]), ("test/cat", [3])):
        for seed in seeds:
            save(tmp_path / "pets" / name / f"{seed}.png", pixels(seed, 1))
    (line,) = ingest(tmp_path / "pets", tmp_path / "raw")
    assert line.endswith(
        "class folders of pictures in train/ and test/: 3 training and 1 test images of 4x6 in 2 classes: "
        "cat (3), dog (1)"
    )
    found = arrays(tmp_path / "raw")
    assert (found["x_test"][0] == pixels(3, 1)[..., 0]).all() and found["y_test"].tolist() == ["cat"]


@pytest.mark.parametrize(
    ("train", "test", "val"),
    [
        ("training_set", "test_set", None),
        ("seg_train/seg_train", "seg_test/seg_test", None),
        ("Train images", "Test images", None),
        ("Training", "Evaluation", "Validation"),
        ("train", "test", "valid"),
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
    for name in ("strainer", "oval", "latest fork"):
        for seed in range(5):
            save(tmp_path / "pets" / name / f"{seed}.png", pixels(seed, 1))
    save(tmp_path / "pets/spoon/deep/1.png", pixels(9, 1))
    save(tmp_path / "pets/spoon/deep/2.png", pixels(8, 1))
    (line,) = ingest(tmp_path / "pets", tmp_path / "raw")
    assert line.endswith("in 4 classes: latest fork (5), oval (5), spoon (2) and 1 more")


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


def test_rows_are_mixed_since_the_last_of_them_are_held_back_for_validation(pets: Path, tmp_path: Path) -> None:
    ingest(pets, tmp_path / "raw")
    labels = arrays(tmp_path / "raw")["y_train"].tolist()
    assert len(set(labels[:8])) == len(set(labels[-8:])) == 3


def test_of_each_class_its_share_is_held_back_and_equal_pictures_come_to_one_side() -> None:
    digests = [bytes([value]) for value in (*range(20), *range(10, 40), 50, 50, 51, 50, 60, 60)]
    labels = ["a"] * 20 + ["b"] * 30 + ["c"] * 4 + ["d"] * 2
    sides = held_back(digests, labels, ["a", "b", "c", "d"], 0.25)
    counts = {name: sum(s for s, label in zip(sides, labels, strict=True) if label == name) for name in "abcd"}
    assert counts == {"a": 5, "b": 8, "c": 1, "d": 0}
    for value in set(digests):
        assert len({side for side, digest in zip(sides, digests, strict=True) if digest == value}) == 1
    for share in (0.01, 0.99):
        assert held_back([b"1", b"2"], ["a", "a"], ["a"], share) == [True, False]
    assert held_back([b"1"], ["a"], ["a"], 0.9) == [False]


def test_kinds_of_files_that_lose_nothing_give_the_same_pixels(tmp_path: Path) -> None:
    colour = Image.fromarray(pixels(0))
    expected = pixels(0)
    for suffix in ("png", "bmp", "ppm", "tiff", "tga", "PNG"):
        save(tmp_path / suffix / f"cat/a.{suffix}", colour)
        assert (only_picture(tmp_path / suffix, tmp_path / "raw") == expected).all(), suffix


def test_every_mode_comes_to_the_number_of_channels_by_the_declared_rule(tmp_path: Path) -> None:
    gray, rgb = pixels(0, 1)[..., 0], pixels(2)
    clear = np.dstack([rgb, np.zeros((ROWS, COLS), np.uint8)])
    palette = Image.fromarray(gray, "L").convert("P")
    luma = np.asarray(Image.fromarray(rgb).convert("L"))
    assert abs(luma - rgb @ [0.299, 0.587, 0.114]).max() <= 0.51
    white = np.full((ROWS, COLS), 255, np.uint8)
    for name, image, as_gray in (
        ("gray", Image.fromarray(gray), gray),
        ("rgb", Image.fromarray(rgb), luma),
        ("clear", Image.fromarray(clear), white),
        ("opaque", Image.fromarray(np.dstack([rgb, white])), luma),
        ("gray and alpha", Image.fromarray(np.dstack([gray, white])), gray),
        ("palette", palette, gray),
        ("one bit", Image.fromarray(gray > 127), np.where(gray > 127, 255, 0)),
        ("sixteen bits", Image.fromarray(gray.astype(np.uint16) * 256 + 77), gray),
    ):
        save(tmp_path / name / "cat/a.png", image)
        assert (only_picture(tmp_path / name, tmp_path / "raw", channels=1) == as_gray).all(), name
        in_colour = only_picture(tmp_path / name, tmp_path / "raw", channels=3)
        assert in_colour.shape == (ROWS, COLS, 3)
        if name not in ("rgb", "opaque"):
            assert (in_colour == np.asarray(as_gray)[..., np.newaxis]).all(), name


def test_sixteen_bits_of_a_pgm_count_as_those_of_a_png_and_what_is_clear_in_them_is_white(tmp_path: Path) -> None:
    deep = (pixels(0, 1)[..., 0].astype(np.uint16) << 8) + 9
    save(tmp_path / "pgm/cat/a.pgm", Image.fromarray(deep))
    assert (only_picture(tmp_path / "pgm", tmp_path / "raw", channels=1) == pixels(0, 1)[..., 0]).all()
    save(tmp_path / "png/cat/a.png", Image.fromarray(deep), transparency=int(deep[0, 0]))
    found = only_picture(tmp_path / "png", tmp_path / "raw", channels=1)
    assert found[0, 0] == 255 and (found[1:] == pixels(0, 1)[1:, :, 0]).all()


def test_one_coloured_picture_makes_all_have_three_channels(pets: Path, tmp_path: Path) -> None:
    save(pets / "1/colour.png", pixels(7))
    assert "of 4x6x3 in" in ingest(pets, tmp_path / "raw")[0]
    assert arrays(tmp_path / "raw")["x_test"].shape[1:] == (ROWS, COLS, 3)


def test_pictures_of_several_sizes_are_resized_to_the_parameter_and_an_error_without(
    pets: Path, tmp_path: Path
) -> None:
    turned = save(pets / "1/turned.png", np.rot90(pixels(7, 1)[..., 0]))
    sizes = r"pets: pictures of several sizes, 4x6 \(.*\.png\) and %s \(.*\.png\); set data\.image_size"
    with pytest.raises(InputError, match=sizes % "6x4"):
        ingest(pets, tmp_path / "raw")
    turned.unlink()
    save(pets / "2/large.png", np.full((50, 40), 99, np.uint8))
    with pytest.raises(InputError, match=sizes % "40x50"):
        ingest(pets, tmp_path / "raw")
    assert "of 9x5 in" in ingest(pets, tmp_path / "raw", image_size=[9, 5])[0]
    images = np.concatenate([arrays(tmp_path / "raw")[name] for name in ("x_train", "x_test")])
    assert any((image == 99).all() for image in images)


def test_classes_are_in_natural_order_with_any_letters_and_the_rest_is_passed_over_with_a_note(
    pets: Path, tmp_path: Path
) -> None:
    save(pets / "Müller, Söhne & 'Co'/deep/er/a.png", pixels(7, 1))
    save(pets / ".hidden/a.png", pixels(8, 1))
    save(pets / "1/.hidden.png", pixels(9, 1))
    (pets / "empty").mkdir()
    (pets / "1/notes.txt").write_text("cats")
    (pets / "README").write_text("pets")
    save(pets / "loose.png", pixels(6, 1))
    lines = ingest(pets, tmp_path / "raw")
    assert [line.removeprefix(f"{pets}: ") for line in lines] == [
        "class folders of pictures: 25 training and 6 test images of 4x6 in 4 classes: "
        "1 (10), 2 (10), 10 (10) and 1 more",
        f"passed over, hidden: {pets}/.hidden, {pets}/1/.hidden.png",
        f"passed over, in no class folder: {pets}/README, {pets}/loose.png",
        f"passed over, no picture by the suffix: {pets}/1/notes.txt",
        f"passed over, a class folder without a picture: {pets}/empty",
    ]
    assert "Müller, Söhne & 'Co'" in arrays(tmp_path / "raw")["y_train"]


def spoil(pets: Path) -> dict[str, str]:
    """Add pictures that cannot be read, each with what is said of it."""
    good = (pets / "1/0.png").read_bytes()
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n"
    for name, content in {
        "1/cut.png": good[:-30],
        "1/header.png": good[:20],
        "10/text.jpg": b"hello",
        "2/empty.gif": b"",
        "2/script.png": postscript,
        "2/drawing.svg": b"<svg/>",
        "2/line\nbreak.png": b"",
    }.items():
        (pets / name).write_bytes(content)
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
        "1/header.png": "damaged picture (",
        "10/text.jpg": unknown,
        "2/empty.gif": unknown,
        "2/script.png": unknown,
        "2/drawing.svg": unknown,
        "2/line\\nbreak.png": unknown,
        "2/bomb.png": "has more than 64,000,000 pixels",
        "2/float.tiff": "pixels of 32 bits, whose white no file declares; must have 8 or 16 bits",
        "2/white is 0.tiff": "16 bits with white as 0; must have black as 0",
        "2/pipe.png": "is not a file",
        "2/gone.png": "no such file",
    }


def test_a_table_tells_the_file_that_each_row_comes_from(pets: Path, tmp_path: Path) -> None:
    ingest(pets, tmp_path / "raw")
    found = arrays(tmp_path / "raw")
    with (tmp_path / "raw/files.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {f"{name}/{i}.png" for name in (1, 2, 10) for i in range(10)}
    for row in rows:
        image, label = found[f"x_{row['set']}"][int(row["row"])], found[f"y_{row['set']}"][int(row["row"])]
        assert (image == np.asarray(Image.open(pets / row["file"]))).all() and row["file"].split("/")[0] == label


def test_unreadable_pictures_are_all_named_and_end_the_run(pets: Path, tmp_path: Path) -> None:
    said = spoil(pets)
    with pytest.raises(InputError) as caught:
        ingest(pets, tmp_path / "raw")
    lines = str(caught.value).split("\n")
    assert len(lines) == len(said)
    for name, message in said.items():
        assert any(line.startswith(f"{pets}/{name}: {message}") for line in lines), name
    assert not list((tmp_path / "raw").iterdir())


def test_unreadable_pictures_are_left_out_by_name_if_the_parameter_says_so(pets: Path, tmp_path: Path) -> None:
    ingest(pets, tmp_path / "raw")
    said = spoil(pets)
    lines = ingest(pets, tmp_path / "raw2", unreadable_pictures="leave_out")
    assert {line.split(": ")[2] for line in lines if ": left out: " in line} == {f"{pets}/{name}" for name in said}
    assert digest(tmp_path / "raw") == digest(tmp_path / "raw2")


def test_flipped_bytes_are_one_line_each_and_never_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for suffix in ("png", "jpg", "gif", "bmp", "tiff", "webp"):
        path = save(tmp_path / f"pets/cat/a.{suffix}", pixels(0))
        content = np.frombuffer(path.read_bytes(), np.uint8)
        for number in range(40):
            damaged = content.copy()
            damaged[rng.integers(len(content), size=3)] = rng.integers(256, size=3)
            (tmp_path / f"pets/cat/{number}.{suffix}").write_bytes(damaged.tobytes())
    ingest(tmp_path / "pets", tmp_path / "raw", unreadable_pictures="leave_out", image_size=[4, 6])


def test_a_note_tells_of_animations_and_unreadable_exif_data(pets: Path, tmp_path: Path) -> None:
    first, second = (Image.fromarray(pixels(seed, 1)[..., 0]) for seed in (7, 8))
    save(pets / "1/moving.gif", first, save_all=True, append_images=[second])
    save(pets / "1/odd.png", Image.fromarray(pixels(9, 1)[..., 0]), exif=b"Exif\0\0no TIFF header")
    assert ingest(pets, tmp_path / "raw", channels=1)[1:] == [
        f"{pets}: of several frames, the first was taken: {pets}/1/moving.gif",
        f"{pets}: unreadable EXIF data, taken to be upright: {pets}/1/odd.png",
    ]


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
    (linked / "3").symlink_to("1")
    with pytest.raises(InputError, match="linked/3: a link to a folder; must be the folder, or links to its files"):
        ingest(linked, tmp_path / "raw2")


def test_a_link_to_itself_is_passed_over_as_what_is_no_picture(pets: Path, tmp_path: Path) -> None:
    (pets / "1/itself").symlink_to("itself")
    assert ingest(pets, tmp_path / "raw")[1].endswith(f"no picture by the suffix: {pets}/1/itself")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["train/a.png", "test/a.png", "rest/a.png"],
            r"pets: holds rest, test, train, which are no classes; data\.source",
        ),
        (["trainA/a.png", "valB/a.png", "x/a.png"], r"pets: holds trainA, valB, x, which are no classes; data\.source"),
        (["test/cat/a.png"], r"pets: holds test, which are no classes; data\.source must name the folder of the sets"),
        (["train-data/train/cat/a.png", "train-data/test/cat/a.png"], r"pets/train-data: holds test, train, which"),
        (["a/train/cat/a.png", "a/test/cat/a.png", "b/cat/a.png"], r"pets/a: holds test, train, which are no classes"),
        (
            ["cat/a.png", "dog/a.png", "test/cat/a.png"],
            r"pets/test: class folders in it, and no train/ beside it: a set",
        ),
        (["cat/train/a.png", "cat/test/a.png", "dog/a.png"], r"pets/cat: holds test, train, which are no classes"),
        (["train/cat/a.png", "val/cat/a.png"], r"train and val, but no test: is val to test on .*, or to train on"),
        (["train/cat/a.png", "dog/a.png"], r"pets/dog: pictures beside .*/train: neither a .* set, or classes\?"),
        (
            ["train1/cat/a.png", "train2/cat/a.png", "test/cat/a.png"],
            r"pets: train1, train2: several sets of one kind,",
        ),
        (["strainer/anna/a.png", "contest/ben/a.png"], r"contest and strainer have no class in common: sets, or class"),
        (["train/cat/a.png", "test/cat/a.png", "test/dog/a.png"], r"pets: classes without a training picture: dog"),
        (["train/cat/a.png", "test/a.png"], r"pets/test: no picture in a class folder such as test/cat/1\.png"),
        (["train/cat/a.png", "test/cat/a.txt"], r"pets/test: no picture in a class folder such as test/cat/1\.png"),
        (["a\nb/a.png"], r"pets: the class folder 'a\\nb': must be UTF-8, without line breaks, to be a label"),
        (["cat/a.png"], r"pets: 1 pictures, of which 1 for the training and 0 for the test; must be some for each"),
        (["a.png"], r"pets: no data found: .*; there is a\.png"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_one_line(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        save(tmp_path / "pets" / name, pixels(0, 1), format="PNG")
    with pytest.raises(InputError, match=message) as caught:
        ingest(tmp_path / "pets", tmp_path / "raw")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.npy"))


def test_pictures_larger_than_the_free_disk_are_refused_before_anything_is_written(
    pets: Path, small_disk: Path
) -> None:
    with pytest.raises(InputError, match=r"raw: 60,240 bytes to copy, but the disk has \d"):
        small_disk.joinpath("filling").write_bytes(bytes(20_000))
        ingest(pets, small_disk / "raw", image_size=[25, 40])
    assert not list(small_disk.rglob("*.npy"))


def test_the_stage_itself_runs_on_class_folders_and_is_quiet_where_nobody_watches(pets: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "params.yaml").write_text(RECIPE.replace("data/mnist.npz", str(pets)))
    for name in ("requirements.lock", "dvc.yaml"):
        (project / name).symlink_to(ROOT / name)
    (project / "stages").symlink_to(ROOT / "stages")
    command = [sys.executable, "-m", "stages.ingest", "--raw", "raw"]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert run.returncode == 0
    assert [line for line in run.stderr.splitlines() if not line.startswith("environment: ")] == []
    assert (
        run.stdout == f"{pets}: class folders of pictures: 24 training and 6 test images of 4x6 in 3 classes: {THREE}\n"
    )
