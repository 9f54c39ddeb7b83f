"""What a look at the data finds, and what it leaves unsaid."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.image
import numpy as np
import pytest

from stages.arrays import npy
from stages.dataset import contact_sheet, findings
from stages.dataset.contact_sheet import TILE, draw_contact_sheet, pick_rows
from stages.dataset.duplicates import NOWHERE, first_rows, repeated_hashes, row_hashes
from stages.dataset.glyphs import centred_glyphs
from stages.dataset.images import evenly_spaced
from stages.dataset.look import Look, look_at
from stages.drawing.tiles import tile
from tests.project import ROOT

Arrays = dict[str, np.ndarray]


def drawn(n: int, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Different images, and labels in a random order with about as many of each class."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 6, 5), dtype=np.uint8), generator.permutation(np.arange(n) % classes)


def clean(classes: int = 4) -> tuple[Arrays, Arrays]:
    (train, train_labels), (test, test_labels) = drawn(200, classes), drawn(50, classes, seed=1)
    return {"train": train, "test": test}, {"train": train_labels, "test": test_labels}


def looked(images: Arrays, labels: Arrays, scratch: Path, classes: int = 4) -> Look:
    return look_at(images, labels, range(classes), scratch)


def found(look: Look, kind: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values())[1:] for row in look.findings if row["finding"] == kind]


def test_a_clean_set_gives_its_counts_and_no_warning(tmp_path: Path) -> None:
    images, labels = clean()
    look = looked(images, labels, tmp_path)
    train, test = (sum(a != b for a, b in pairwise(labels[name])) for name in ("train", "test"))
    assert look.metrics == {
        "leaked": 0,
        "contradictory": 0,
        "train": {
            **{"n": 200, "repeated": 0, "constant": 0, "missing": 0, "imbalance": 1.0, "label_changes": train},
            "classes": {"0": 50, "1": 50, "2": 50, "3": 50},
        },
        "test": {
            **{"n": 50, "repeated": 0, "constant": 0, "missing": 0, "imbalance": 1.08, "label_changes": test},
            "classes": {"0": 13, "1": 13, "2": 12, "3": 12},
        },
    }
    assert (list(look.findings), look.warnings, look.notes) == ([], [], [])


def test_mnist_gives_no_warning(tmp_path: Path) -> None:
    with np.load(ROOT / "data/mnist.npz") as arrays:
        images = {"train": arrays["x_train"], "test": arrays["x_test"]}
        labels = {"train": arrays["y_train"].astype(np.int64), "test": arrays["y_test"].astype(np.int64)}
    look = looked(images, labels, tmp_path, 10)
    assert (list(look.findings), look.warnings, look.notes) == ([], [], [])
    assert look.metrics["train"]["classes"]["0"] == 5923
    assert centred_glyphs(images["train"]) and not centred_glyphs(255 - images["train"])


def brute_force(images: Arrays, labels: Arrays) -> list[tuple[Any, ...]]:
    """The findings, by comparing every image with every earlier one."""
    every = []
    for kind in findings.KINDS:
        for name in ("train", "test"):
            for row, image in enumerate(images[name]):
                same = [
                    (n, r) for n in ("train", "test") for r, other in enumerate(images[n]) if (other == image).all()
                ]
                own, training = [(n, r) for n, r in same if n == name], [(n, r) for n, r in same if n == "train"]
                other: tuple[str, Any] | None = {
                    "leaked": training[0] if name == "test" and training else None,
                    "contradictory": same[0] if labels[same[0][0]][same[0][1]] != labels[name][row] else None,
                    "repeated": own[0] if own[0] != (name, row) else None,
                    "constant": ("", "") if (image == image[0, 0]).all() else None,
                }[kind]
                if other is not None:
                    other_label = labels[other[0]][other[1]] if other[0] else ""
                    every.append((kind, name, row, labels[name][row], *other, other_label))
    return every


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_findings_are_those_of_comparing_every_image_with_every_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, channels: tuple[int, ...]
) -> None:
    monkeypatch.setattr(npy, "CHUNK_BYTES", 1_000)  # a few rows a chunk
    generator = np.random.default_rng(seed)
    images = {name: generator.integers(0, 2, (n, 2, 2, *channels)) for name, n in (("train", 40), ("test", 25))}
    if channels:
        images = {name: np.broadcast_to(array[..., :1], array.shape) for name, array in images.items()}
    labels = {name: generator.integers(0, 4, len(array)) for name, array in images.items()}
    look = looked(images, labels, tmp_path)
    expected = brute_force(images, labels)
    assert [tuple(row.values()) for row in look.findings] == expected
    assert {len(row) for row in look.findings} == {7}
    kinds = [(row[0], row[1]) for row in expected]
    assert look.metrics["leaked"] == kinds.count(("leaked", "test")) > 0
    assert look.metrics["contradictory"] == [kind for kind, _ in kinds].count("contradictory") > 0
    for name in ("train", "test"):
        for kind in ("repeated", "constant"):
            assert look.metrics[name][kind] == kinds.count((kind, name)) > 0


def test_an_image_of_one_colour_is_constant_though_its_channels_differ(tmp_path: Path) -> None:
    images = {name: np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3)) for name in ("train", "test")}
    images["train"][7] = (250, 10, 20)
    look = looked(images, {name: np.arange(9) % 4 for name in images}, tmp_path)
    assert found(look, "constant") == [("train", 7, 3, "", "", "")]


def test_a_leaked_image_is_told_with_its_rows(tmp_path: Path) -> None:
    images, labels = clean()
    images["test"][31], labels["test"][31] = images["train"][111], labels["train"][111]
    look = looked(images, labels, tmp_path)
    label = labels["train"][111]
    assert found(look, "leaked") == [("test", 31, label, "train", 111, label)]
    assert look.warnings == [
        "1 of 50 test images is in the training set too (first: test row 31 equals training row 111)"
    ]


def test_a_test_set_copied_from_the_training_set_is_told(tmp_path: Path) -> None:
    images, labels = clean()
    look = looked({**images, "test": images["train"]}, {**labels, "test": labels["train"]}, tmp_path)
    assert look.metrics["leaked"] == 200
    assert look.warnings == [
        "all 200 test images are in the training set too (first: test row 0 equals training row 0)"
    ]


def test_equal_images_with_other_labels_are_told_with_both_names(tmp_path: Path) -> None:
    images, labels = clean()
    images["train"][[7, 9]] = images["train"][3]
    labels["train"][[3, 7, 9]] = 0, 0, 2
    look = look_at(images, labels, ["cat", "dog", "owl", "elk"], tmp_path)
    assert found(look, "contradictory") == [("train", 9, "owl", "train", 3, "cat")]
    assert found(look, "repeated") == [
        ("train", row, name, "train", 3, "cat") for row, name in ((7, "cat"), (9, "owl"))
    ]
    assert look.warnings[0] == (
        "1 image has another label than an equal image "
        "(first: training row 9, labelled owl, equals training row 3, labelled cat)"
    )


def test_few_repeated_images_are_counted_without_a_warning_and_many_with_one(tmp_path: Path) -> None:
    images, labels = clean()
    images["train"][199], labels["train"][199] = images["train"][5], labels["train"][5]
    few = looked(images, labels, tmp_path)
    assert (few.metrics["train"]["repeated"], few.warnings) == (1, [])
    images["train"][198], labels["train"][198] = images["train"][5], labels["train"][5]
    assert looked(images, labels, tmp_path).warnings == [
        "2 of 200 training images repeat an earlier one (first: training row 198 equals training row 5)"
    ]


def test_a_constant_image_is_told(tmp_path: Path) -> None:
    images, labels = clean()
    images["test"][4] = 17
    assert looked(images, labels, tmp_path).warnings == [
        "1 of 50 test images is of one colour all over (first: test row 4)"
    ]


def test_classes_without_an_image_are_told(tmp_path: Path) -> None:
    images, labels = clean(10)
    for name in labels:
        labels[name] = np.where(np.isin(labels[name], (3, 7)), 1, labels[name])
    look = looked(images, labels, tmp_path, 10)
    assert look.warnings == ["classes 3 and 7 have no training image"]
    assert [look.metrics[name]["missing"] for name in ("train", "test")] == [2, 2]


def test_a_class_without_a_test_image_is_told_where_it_is_no_chance(tmp_path: Path) -> None:
    images, labels = clean()
    lacking = {**labels, "test": np.where(labels["test"] == 3, 1, labels["test"])}
    assert looked(images, lacking, tmp_path).warnings == ["class 3 has no test image"]
    small = {**images, "test": images["test"][:9]}, {**labels, "test": lacking["test"][:9]}
    assert looked(*small, tmp_path).warnings == []


def test_far_more_classes_declared_than_occur_is_one_line(tmp_path: Path) -> None:
    look = looked(*clean(), tmp_path, 1000)
    assert look.warnings == ["only 4 of the 1,000 classes have a training image"]
    assert "classes" not in look.metrics["train"]
    assert look.metrics["train"]["missing"] == 996


def test_many_missing_classes_are_named_in_part(tmp_path: Path) -> None:
    look = looked(*clean(13), tmp_path, 25)
    assert look.warnings == ["classes 13, 14, 15, 16, 17, 18, 19, 20, 21 and 3 more have no training image"]


def test_one_label_for_all_is_told(tmp_path: Path) -> None:
    images, labels = clean()
    labels["train"][:] = labels["test"][:] = 2
    assert looked(images, labels, tmp_path).warnings == [
        "the training set has images of one class only: 2",
    ]


def test_imbalance_is_told_from_ten_to_one_on(tmp_path: Path) -> None:
    images, labels = clean(2)
    labels["train"] = np.random.default_rng(0).permutation(np.arange(200) % 11 == 0).astype(np.int64)
    assert looked(images, labels, tmp_path, 2).warnings == []  # 181 to 19
    labels["train"][np.flatnonzero(labels["train"])[0]] = 0
    assert looked(images, labels, tmp_path, 2).warnings == [
        "the largest class, 0, has 10 times as many training images (182) as the smallest, 1 (18)"
    ]


def test_labels_sorted_by_class_are_noted_with_what_the_last_rows_hold(tmp_path: Path) -> None:
    images, labels = clean(10)
    for order in (np.sort(labels["train"]), np.sort(labels["train"])[::-1]):
        look = looked(images, {**labels, "train": order}, tmp_path, 10)
        assert look.notes == [
            "the training labels are sorted by class: the last 5% of the rows hold 1 of 10 classes; "
            "to validate on all, train.validation_rows must be stratified"
        ]
        assert look.warnings == []  # which may be errors: this has an answer


def test_labels_in_runs_of_one_class_are_noted(tmp_path: Path) -> None:
    images, labels = clean(4)
    labels["train"] = np.tile(np.repeat(np.arange(4), 10), 5)
    (note,) = looked(images, labels, tmp_path).notes
    assert note.startswith(
        "the training labels come in runs of one class (19 changes of label, where shuffled rows have 150): "
        "the last 5% of the rows hold 1 of 4 classes"
    )


@pytest.mark.parametrize("labels", [np.arange(12) % 4, np.arange(12) // 3, np.array([0, 0, 1, 1, 2, 2, 3, 3, 0])])
def test_alternating_labels_and_a_handful_of_rows_are_not_called_sorted(tmp_path: Path, labels: np.ndarray) -> None:
    images = {"train": drawn(len(labels))[0], "test": drawn(4, seed=1)[0]}
    look = looked(images, {"train": labels, "test": np.arange(4)}, tmp_path)
    assert (look.warnings, look.notes) == ([], [])


def test_the_metrics_are_nested_numbers_in_a_fixed_order(tmp_path: Path) -> None:
    def numbers(tree: dict[str, Any]) -> list[Any]:
        return [leaf for value in tree.values() for leaf in (numbers(value) if isinstance(value, dict) else [value])]

    metrics = looked(*clean(), tmp_path).metrics
    assert {type(number) for number in numbers(metrics)} == {int, float}
    assert json.dumps(metrics) == json.dumps(looked(*clean(), tmp_path).metrics)


def test_the_table_is_cut_and_the_count_is_not_but_all_that_leaked_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST_LISTED", 3)
    images, labels = clean()
    twice = {"train": np.tile(images["train"], (2, 1, 1)), "test": images["train"]}
    look = looked(twice, {"train": np.tile(labels["train"], 2), "test": labels["train"]}, tmp_path)
    listed = {kind: [row["row"] for row in look.findings if row["finding"] == kind] for kind in ("repeated", "leaked")}
    assert listed == {"repeated": [200, 201, 202], "leaked": list(range(200))}
    assert look.metrics["train"]["repeated"] == look.metrics["leaked"] == 200


def test_nothing_is_left_in_the_scratch_folder_even_on_an_error(tmp_path: Path) -> None:
    class Unreadable(Recorder):
        def __getitem__(self, rows: slice) -> np.ndarray:
            raise OSError("the disk is gone")

    images, labels = clean()
    looked(images, labels, tmp_path)
    with pytest.raises(OSError, match="the disk is gone"):
        look_at({"train": images["train"], "test": Unreadable(images["test"])}, labels, range(4), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["uint8", "int8", "<i2", ">i4", "<i8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_values_have_equal_hashes_whatever_type_and_order_holds_them(dtype: str, order: str) -> None:
    images = drawn(20)[0] // 2
    other = np.asarray(images[..., np.newaxis], dtype, order=order)  # type: ignore[call-overload]
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


def test_repeated_hashes_and_their_first_rows_are_those_of_counting() -> None:
    hashes = np.random.default_rng(0).integers(0, 50, 60).astype(np.uint64) << np.uint64(58)
    values, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    repeated = repeated_hashes(hashes.copy())
    assert (repeated == values[counts > 1]).all()
    assert (first_rows(repeated, hashes) == first[counts > 1]).all()
    assert (first_rows(repeated, hashes[:0]) == NOWHERE).all()


@pytest.mark.parametrize(("copies", "most"), [(1, 3), (2, 21), (1000, 3)])
def test_memory_grows_by_a_few_bytes_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: int, most: int
) -> None:
    monkeypatch.setattr(npy, "CHUNK_BYTES", 1 << 18)  # so that few images are many chunks
    monkeypatch.setattr(findings, "MOST_LISTED", 100)

    def peak(n: int) -> int:
        images = {name: (np.arange(n, dtype=np.int32) // copies).reshape(n, 1, 1) for name in ("train", "test")}
        images["test"][:] += n
        labels = {name: np.arange(n) % 7 for name in images}
        tracemalloc.start()
        looked(images, labels, tmp_path, 7)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5_000)
    assert peak(45_000) - peak(15_000) < most * 2 * 30_000


def test_evenly_spaced_numbers_reach_from_the_first_to_the_last() -> None:
    assert evenly_spaced(0, 4) == []
    assert evenly_spaced(3, 4) == [0, 1, 2]
    assert evenly_spaced(100, 4) == [0, 33, 66, 99]


def test_rows_are_picked_by_their_place_in_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "CHUNK_BYTES", 64 * 7)
    labels = np.random.default_rng(0).integers(0, 3, 50)
    rows = np.flatnonzero(labels == 1)
    assert pick_rows(labels, 1, [0, 3, len(rows) - 1]) == [rows[0], rows[3], rows[-1]]
    assert pick_rows(labels, 3, []) == []


class Recorder:
    """Images that remember which of their rows were read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.read += range(*rows.indices(len(self)))
        return self.array[rows]


def sheet(path: Path, *arguments: Any) -> np.ndarray:
    draw_contact_sheet(path, *arguments)
    return (matplotlib.image.imread(path)[..., :3] * 255).round().astype(np.uint8)


def test_the_contact_sheet_reads_the_rows_that_it_shows_and_no_other(tmp_path: Path) -> None:
    images, labels = drawn(400)
    recorder = Recorder(images)
    draw_contact_sheet(tmp_path / "data.png", recorder, labels, range(4), 255)
    assert len(recorder.read) == len(set(recorder.read)) == 4 * contact_sheet.SAMPLES
    assert {int(labels[row]) for row in recorder.read} == {0, 1, 2, 3}
    assert {int(np.flatnonzero(labels == 2)[0]), int(np.flatnonzero(labels == 2)[-1])} <= set(recorder.read)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_the_contact_sheet_shows_the_pixels_as_they_are(tmp_path: Path, channels: tuple[int, ...]) -> None:
    images = np.zeros((3, 32, 32, *channels), np.uint8)
    images[:, :, 16:] = 200 if channels != (3,) else (200, 100, 50)
    picture = sheet(tmp_path / "data.png", images, np.array([0, 1, 1]), ["one", "two"], 255)
    assert picture.shape[1] == 800
    right = np.broadcast_to(images[0, 0, -1], 3)
    left = contact_sheet.MARGIN + contact_sheet.NAMES + contact_sheet.GAP // 2
    for row, samples in enumerate((1, 2)):
        top = contact_sheet.HEAD + row * 68 + 2
        for place in range(3):
            tile = picture[top : top + 64, left + place * 68 : left + place * 68 + 64]
            expected = (np.zeros(3), right) if place < samples else (np.full(3, 255), np.full(3, 255))
            assert (tile[:, :32] == expected[0]).all() and (tile[:, 32:] == expected[1]).all()


@pytest.mark.filterwarnings("error")
def test_the_contact_sheet_is_the_same_bytes_whatever_the_names_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [r"$\no$", "a very long name of a class that goes on and on", "信号", ""]
    images, labels = drawn(60)
    draw_contact_sheet(tmp_path / "a.png", images, labels, names, 255)
    monkeypatch.setitem(matplotlib.rcParams, "text.color", "red")
    draw_contact_sheet(tmp_path / "b.png", images / 255, labels, names, 1.0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_names_never_reach_into_the_samples(tmp_path: Path) -> None:
    images, labels = drawn(60)
    short, wide = (sheet(tmp_path / "data.png", images, labels, [name] * 4, 255) for name in ("i", "W" * 30))
    samples = np.s_[contact_sheet.HEAD :, contact_sheet.MARGIN + contact_sheet.NAMES :]
    assert (short != wide).any() and (short[samples] == wide[samples]).all()


def test_the_contact_sheet_ends_after_thirty_classes(tmp_path: Path) -> None:
    images, labels = drawn(50)
    heights = [sheet(tmp_path / "data.png", images, labels, range(n), 255).shape[0] for n in (29, 30, 1000)]
    assert heights[0] < heights[1] == heights[2]


@pytest.mark.parametrize(
    ("shape", "scaled"),
    [((28, 28), (56, 56)), ((1, 8), (8, 64)), ((64, 48), (64, 48)), ((200, 100), (64, 32)), ((1000, 2), (64, 1))],
)
def test_samples_fit_their_tile_and_keep_their_aspect(shape: tuple[int, int], scaled: tuple[int, int]) -> None:
    sample = tile(np.full(shape, 0.5), 1.0, TILE)
    assert sample.shape == (*scaled, 3) and (sample == 128).all()


def strokes(n: int = 50) -> np.ndarray:
    """Light crosses on black, as far from the centre as a glyph's mass may be."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 6:22, 13:16] = images[:, 13:15, 8:20] = 250
    return np.roll(images, 1, axis=2)


def test_light_strokes_centred_on_black_are_glyphs() -> None:
    assert centred_glyphs(strokes())
    assert centred_glyphs(strokes()[..., np.newaxis].astype(np.float32) / 255)


@pytest.mark.parametrize(
    "images",
    [
        255 - strokes(),
        np.roll(strokes(), 5, axis=1),
        np.roll(strokes(), 14, axis=(1, 2)),
        np.maximum(np.eye(28, dtype=np.uint8), np.eye(28, dtype=np.uint8)[::-1])[np.newaxis],
        np.kron(strokes()[:, 9:19, 9:19], np.ones((1, 3, 3), np.uint8)),
        np.pad(np.full((9, 24, 24), 200, np.uint8), ((0, 0), (2, 2), (2, 2))),
        np.stack([strokes()] * 3, axis=-1),
        np.random.default_rng(0).integers(0, 256, (50, 28, 28)),
        np.zeros((50, 28, 28)),
        np.concatenate([strokes(44), 255 - strokes(6)]),
    ],
    ids=[
        "inverted",
        "off centre",
        "at the border",
        "across",
        "cut",
        "filled",
        "color",
        "noise",
        "black",
        "some inverted",
    ],
)
def test_other_images_are_no_glyphs(images: np.ndarray) -> None:
    assert not centred_glyphs(images)
