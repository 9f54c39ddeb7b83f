"""What a look at the data finds, and what it leaves unsaid."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import matplotlib
import matplotlib.image
import numpy as np
import pytest

from stages.arrays import npy
from stages.glyphs import centred_glyphs
from stages.plotting import tile
from stages.prepare import contact_sheet, findings
from stages.prepare.contact_sheet import draw_contact_sheet
from stages.prepare.findings import row_hashes
from stages.prepare.look import Look, look_at

Arrays = dict[str, np.ndarray]


def drawn(n: int, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Different images, and labels in a random order with about as many of each class."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 6, 5), dtype=np.uint8), generator.permutation(np.arange(n) % classes)


def clean(classes: int = 4) -> tuple[Arrays, Arrays]:
    (train, train_labels), (test, test_labels) = drawn(200, classes), drawn(50, classes, seed=1)
    return {"train": train, "test": test}, {"train": train_labels, "test": test_labels}


def look(images: Arrays, labels: Arrays, classes: int = 4) -> Look:
    return look_at(images, labels, range(classes))


def listed(seen: Look, kind: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values())[1:] for row in seen.findings if row["finding"] == kind]


def test_a_clean_set_gives_its_counts_in_a_fixed_order_and_no_warning() -> None:
    images, labels = clean()
    seen = look(images, labels)
    nothing = {"repeated": 0, "constant": 0, "missing": 0}
    counts = {"train": {"0": 50, "1": 50, "2": 50, "3": 50}, "test": {"0": 13, "1": 13, "2": 12, "3": 12}}
    expected: dict[str, Any] = {"leaked": 0, "contradictory": 0}
    for name, n, imbalance in (("train", 200, 1.0), ("test", 50, 1.08)):
        changes = sum(int(a != b) for a, b in pairwise(labels[name]))
        order = {"imbalance": imbalance, "label_changes": changes}
        expected[name] = {"n": n, **nothing, **order, "classes": counts[name]}
    assert json.dumps(seen.metrics) == json.dumps(expected)
    assert (list(seen.findings), seen.warnings) == ([], [])


def test_an_image_of_one_colour_is_constant_though_its_channels_differ() -> None:
    images = {name: np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3)) for name in ("train", "test")}
    images["train"][7] = (250, 10, 20)
    seen = look(images, {name: np.arange(9) % 4 for name in images})
    assert listed(seen, "constant") == [("train", 7, 3, "", "", "")]


def test_equal_images_with_other_labels_are_told_with_both_names() -> None:
    images, labels = clean()
    images["train"][[7, 9]] = images["train"][3]
    labels["train"][[3, 7, 9]] = 0, 0, 2
    seen = look_at(images, labels, ["cat", "dog", "owl", "elk"])
    assert listed(seen, "contradictory") == [("train", 9, "owl", "train", 3, "cat")]
    told = "another label than an equal image: 1 images (first: training row 9 (owl) equals training row 3 (cat))"
    assert seen.warnings[0] == told


def test_what_is_wrong_with_images_is_a_line_each_but_a_few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "CHUNK_BYTES", 1_000)  # a few rows a chunk
    images, labels = clean()
    images["train"][199], labels["train"][199] = images["train"][5], labels["train"][5]
    assert (look(images, labels).metrics["train"]["repeated"], look(images, labels).warnings) == (1, [])
    images["train"][198], labels["train"][198] = images["train"][5], labels["train"][5]
    images["test"][31], labels["test"][31] = images["train"][111], labels["train"][111]
    images["test"][4] = 17
    assert look(images, labels).warnings == [
        "in the training set too: 1 of 50 test images (first: test row 31 (0) equals training row 111 (0))",
        "equal to an earlier one: 2 of 200 training images (first: training row 198 (2) equals training row 5 (2))",
        "of one colour all over: 1 of 50 test images (first: test row 4 (0))",
    ]
    leaked = look({**images, "test": images["train"]}, {**labels, "test": labels["train"]})
    assert leaked.warnings[0].startswith(
        "in the training set too: 200 of 200 test images (first: test row 0 (1) equals"
    )


def relabelled(classes: int, train: Any = None, test: Any = None) -> tuple[Arrays, Arrays]:
    """A clean set whose labels are what the functions make of them."""
    images, labels = clean(classes)
    functions = {"train": train, "test": test}
    return images, {name: labels[name] if f is None else f(labels[name]) for name, f in functions.items()}


def rare(count: int) -> Any:
    """Labels of two classes, of which the second has `count` images."""
    return lambda labels: np.random.default_rng(0).permutation(np.arange(len(labels)) < count).astype(np.int64)


def without(*numbers: int) -> Any:
    return lambda labels: np.where(np.isin(labels, numbers), 1, labels)


@pytest.mark.parametrize(
    ("data", "classes", "warnings"),
    [
        (relabelled(10, without(3, 7), without(3, 7)), 10, ["no training image of 2 of 10 classes: 3, 7"]),
        (relabelled(4, None, without(3)), 4, ["no test image of 1 of 4 classes: 3"]),
        (clean(), 1000, ["no training image of 996 of 1,000 classes: 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 986 more"]),
        (relabelled(4, np.zeros_like, np.zeros_like), 4, ["no training image of 3 of 4 classes: 1, 2, 3"]),
        (relabelled(2, rare(19)), 2, []),
        (
            relabelled(2, rare(18)),
            2,
            ["the largest class, 0, has 10 times as many training images (182) as the smallest, 1 (18)"],
        ),
    ],
)
def test_classes_that_are_missing_or_rare_are_told(
    data: tuple[Arrays, Arrays], classes: int, warnings: list[str]
) -> None:
    seen = look(*data, classes)
    assert seen.warnings == warnings
    assert ("classes" in seen.metrics["train"]) == (classes <= 100)
    assert seen.metrics["train"]["missing"] == classes - len(np.unique(data[1]["train"]))


def test_the_table_is_cut_and_the_count_is_not_but_all_leaks_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MOST_LISTED", 3)
    images, labels = clean()
    twice = {"train": np.tile(images["train"], (2, 1, 1)), "test": images["train"]}
    seen = look(twice, {"train": np.tile(labels["train"], 2), "test": labels["train"]})
    rows = {kind: [row[1] for row in listed(seen, kind)] for kind in ("repeated", "leaked")}
    assert rows == {"repeated": [200, 201, 202], "leaked": list(range(200))}
    assert seen.metrics["train"]["repeated"] == seen.metrics["leaked"] == 200


@pytest.mark.parametrize("dtype", ["int8", "<i8", "<f2", ">f4"])
def test_equal_values_have_equal_hashes_whatever_type_and_order_holds_them(dtype: str) -> None:
    images = drawn(20)[0] // 2
    other = np.asarray(images[..., np.newaxis], dtype, order="F")
    assert (row_hashes(other) == row_hashes(images)).all()
    assert len(set(row_hashes(images))) == 20


@pytest.mark.filterwarnings("error")
def test_values_that_are_no_bytes_are_hashed_as_float32() -> None:
    rows = np.array(
        [[0.5, 1], [0.5 + 1e-12, 1], [0.5, 2], [-0.0, 0.5], [0.0, 0.5], [256, 1], [0, 1], [-1, 1], [255, 1]]
    )
    hashes = row_hashes(rows)
    assert hashes[0] == hashes[1] and hashes[3] == hashes[4]
    assert len(set(hashes)) == 7
    assert (row_hashes(rows.astype(np.float32)) == hashes).all()


def sheet(path: Path, *arguments: Any) -> np.ndarray:
    draw_contact_sheet(path, *arguments)
    return (matplotlib.image.imread(path)[..., :3] * 255).round().astype(np.uint8)


def test_the_sheet_shows_samples_from_the_first_to_the_last_of_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy, "CHUNK_BYTES", 64 * 7)  # of seven labels
    labels = drawn(400)[1]
    with patch.object(contact_sheet, "tile", wraps=tile) as shown:
        draw_contact_sheet(tmp_path / "data.png", np.arange(400).reshape(400, 1, 1), labels, range(4), 399)
    rows = [np.flatnonzero(labels == number) for number in range(4)]
    assert [call.args[0].item() for call in shown.call_args_list] == [
        of_class[place * (len(of_class) - 1) // 9] for of_class in rows for place in range(10)
    ]


@pytest.mark.filterwarnings("error")
def test_whatever_the_names_the_sheet_has_the_same_bytes_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = drawn(60)
    names = [r"$\no$", "W" * 30, "信号", ""]
    odd = sheet(tmp_path / "a.png", images, labels, names, 255)
    plain = sheet(tmp_path / "b.png", images, labels, range(4), 255)
    samples = np.s_[contact_sheet.HEAD :, contact_sheet.MARGIN + contact_sheet.NAMES :]
    assert (plain != odd).any() and (plain[samples] == odd[samples]).all()
    monkeypatch.setitem(matplotlib.rcParams, "text.color", "red")
    draw_contact_sheet(tmp_path / "b.png", images / 255, labels, names, 1.0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_contact_sheet_ends_after_thirty_classes(tmp_path: Path) -> None:
    heights = [sheet(tmp_path / "data.png", *drawn(50), range(n), 255).shape[0] for n in (30, 40)]
    assert heights[0] == heights[1]


def strokes(n: int = 50) -> np.ndarray:
    """Light crosses on black, as far from the centre as a glyph's mass may be."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 6:22, 13:16] = images[:, 13:15, 8:20] = 250
    return np.roll(images, 1, axis=2)


def test_light_strokes_centred_on_black_are_glyphs(mnist: Arrays) -> None:
    assert centred_glyphs(strokes()) and centred_glyphs(mnist["x_train"])
    assert centred_glyphs(strokes()[..., np.newaxis].astype(np.float32) / 255)


OTHERS = {
    "inverted": 255 - strokes(),
    "off centre": np.roll(strokes(), 5, axis=1),
    "filled": np.pad(np.full((9, 24, 24), 200, np.uint8), ((0, 0), (2, 2), (2, 2))),
    "color": np.stack([strokes()] * 3, axis=-1),
    "some inverted": np.concatenate([strokes(44), 255 - strokes(6)]),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_images_are_no_glyphs(kind: str) -> None:
    assert not centred_glyphs(OTHERS[kind])
