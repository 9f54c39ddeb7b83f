"""Raw images and labels of every common form become the same prepared arrays; what is ambiguous gets a line."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.arrays.npy import CHUNK_BYTES
from stages.dataset.files import open_images, open_sets, write_prepared
from stages.dataset.labels import class_names, class_numbers, one_hot
from stages.dataset.scaling import largest_pixel, normalize, white_level
from stages.running.process import InputError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def raw(tmp_path: Path, **changed: np.ndarray) -> Path:
    labels = np.arange(3)
    arrays = {"x_train": IMAGES, "y_train": labels, "x_test": IMAGES[:2], "y_test": labels[:2]}
    for name, array in {**arrays, **changed}.items():
        np.save(tmp_path / f"{name}.npy", np.asarray(array))
    return tmp_path


def opened(tmp_path: Path, images: np.ndarray, image_data_format: str = "channels_last") -> Any:
    np.save(tmp_path / "x.npy", images)
    return open_images(tmp_path / "x.npy", image_data_format)


def test_images_with_channels_first_are_read_with_channels_last(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    read = opened(tmp_path, images, "channels_first")
    assert read.shape == (2, 4, 5, 3) and len(read) == 2 and (read[1:2] == np.moveaxis(images, 1, -1)[1:2]).all()


@pytest.mark.parametrize(
    ("images", "image_data_format", "message"),
    [
        (IMAGES[0], "channels_last", r"shape \(4, 5\), must be \(n, rows, cols\) or \(n, rows, cols, channels\)"),
        (IMAGES, "channels_first", r"shape \(3, 4, 5\), must be \(n, channels, rows, cols\)"),
        (
            np.zeros((2, 3, 9, 9)),
            "channels_last",
            r"with at most 4 channels \(prepare.*= channels_last; channels_first if these come first",
        ),
        (
            np.zeros((2, 9, 9, 3)),
            "channels_first",
            r"with at most 4 channels \(prepare.*channels_first",
        ),
        (IMAGES > 3, "channels_last", "dtype bool, must be an integer or float"),
        (IMAGES.astype(complex), "channels_last", "dtype complex128, must be"),
    ],
)
def test_images_of_another_shape_or_type_are_refused(
    tmp_path: Path, images: np.ndarray, image_data_format: str, message: str
) -> None:
    with pytest.raises(InputError, match=r"x\.npy: .*" + message):
        opened(tmp_path, images, image_data_format)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_pixels_that_are_negative_or_not_finite_are_refused_with_the_first_image(bad: float) -> None:
    with pytest.raises(InputError, match=rf"x: image 1 has a pixel of {bad}; must be finite and at least 0") as refused:
        largest_pixel(np.where((IMAGES > 19) & (IMAGES % 20 == 7), bad, IMAGES), "x")
    assert ("must be shifted" in str(refused.value)) == (bad < 0)
    assert largest_pixel(IMAGES, "x") == 59


@pytest.mark.parametrize(
    ("train", "test", "white"), [(255, 255, 255), (255, 130, 255), (128, 255, 255), (65535, 40000, 65535)]
)
def test_white_is_inferred_where_the_pixels_leave_no_doubt(train: float, test: float, white: float) -> None:
    assert white_level({"x_train": train, "x_test": test}, None) == white


@pytest.mark.parametrize(("train", "test"), [(1, 1), (0, 0), (16, 16), (255, 120), (255, 1), (65535, 255), (300, 300)])
def test_what_is_ambiguous_is_an_error_that_names_both_sets_and_the_parameter_which_decides(
    train: float, test: float
) -> None:
    message = (
        rf"x_train has pixels up to {train}, x_test has pixels up to {test}: which value is white\? prepare\.scale"
    )
    with pytest.raises(InputError, match=message):
        white_level({"x_train": train, "x_test": test}, None)
    white = max(train, test, 1)
    assert white_level({"x_train": train, "x_test": test}, white) == white


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_progress_bar_clears_its_line_on_an_error_too_and_is_silent_where_nobody_watches(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with pytest.raises(InputError):
        largest_pixel(IMAGES - 1.0, "x")
    written = capsys.readouterr().err
    assert written.endswith("\r") if is_terminal else written == ""
    assert ("looking for the largest pixel" in written) == is_terminal
    assert written.rstrip("\r").rpartition("\r")[2].strip() == ""


def test_a_pixel_above_the_given_scale_is_an_error() -> None:
    with pytest.raises(InputError, match=r"x_test: the largest pixel is 17, must be at most prepare\.scale = 16"):
        white_level({"x_train": 16, "x_test": 17}, 16)


@pytest.mark.parametrize(("layout", "shape"), [("channels_last", (2, 3, 4, 1)), ("channels_first", (2, 1, 3, 4))])
def test_normalize_scales_to_one_and_adds_the_channel_axis(layout: str, shape: tuple[int, ...]) -> None:
    images = np.linspace(0, 255, 24).reshape(2, 3, 4)
    for given in (images, images[..., np.newaxis], np.asfortranarray(images), images.astype(">f8")):
        normalized = normalize(given, 255, layout)
        assert normalized.shape == shape and normalized.dtype == np.float32
        assert normalized.min() == 0 and normalized.max() == 1
        assert np.allclose(normalized.reshape(2, 3, 4) * 255, images)


def test_colour_keeps_its_channels_in_either_layout() -> None:
    images = np.random.default_rng(0).integers(0, 65536, (2, 3, 4, 3), np.uint16)
    assert np.allclose(normalize(images, 65535, "channels_last") * 65535, images)
    assert np.allclose(np.moveaxis(normalize(images, 65535, "channels_first"), 1, -1) * 65535, images)


def numbers(labels: Any, classes: int | None = None, given: list[str] | None = None) -> tuple[Any, list[int]]:
    labels = np.asarray(labels)
    names = class_names({"y": labels}, classes, given)
    return names, class_numbers(labels, "y", names).tolist()


@pytest.mark.parametrize("dtype", ["uint8", "<i4", ">i8", "<f2", "<f8"])
def test_whole_numbers_of_any_type_are_their_own_classes(dtype: str) -> None:
    assert numbers(np.array([2, 0, 1], dtype)) == ([0, 1, 2], [2, 0, 1])
    assert numbers(np.array([[2], [0], [1]], dtype)) == ([0, 1, 2], [2, 0, 1])  # as Keras gives CIFAR-10's


def test_one_hot_rows_are_the_place_of_their_one() -> None:
    assert numbers(np.eye(4)[[3, 0]]) == ([0, 1, 2, 3], [3, 0])
    assert numbers(np.eye(4, dtype=bool)[[3, 0]]) == ([0, 1, 2, 3], [3, 0])


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_names_are_numbered_in_natural_order(dtype: str) -> None:
    assert numbers(np.array(["10", "2", "1", "2"], dtype)) == (["1", "2", "10"], [2, 1, 0, 1])


def test_a_number_of_classes_enforces_it_and_names_given_are_what_classes_are_called() -> None:
    assert numbers([0, 1], classes=5)[0] == [0, 1, 2, 3, 4]
    assert numbers([0, 2, 1], given=["shoe", "bag", "coat"]) == (["shoe", "bag", "coat"], [0, 2, 1])


@pytest.mark.parametrize(
    ("labels", "classes", "given", "message"),
    [
        ([0, 1, 10], 10, None, r"y: label 10 in row 2, must be .* in 0\.\.9, below prepare\.classes"),
        ([0, -1], None, None, r"y: label -1 in row 1, must be a whole number in 0\.\.99999"),
        ([0.5, 1], None, None, "y: label 0.5 in row 0"),
        ([0, np.nan], None, None, "y: label nan in row 1"),
        ([0, np.inf], None, None, "y: label inf in row 1"),
        ([0, 1e300], None, None, "y: label 1e[+]300 in row 1"),
        ([0, 4_000_000_000], None, None, "y: label 4000000000 in row 1"),
        ([0, 0], None, None, "the labels hold one class only"),
        ([[0, 1, 1], [1, 0, 0]], None, None, "y: row 0: one-hot labels must have a single 1"),
        ([[0, 0.5], [1, 0]], None, None, "y: row 0: one-hot labels must have a single 1"),
        ([[0, 1], [1, 0]], 3, None, "y: one-hot labels of 2 classes, must be 3"),
        ([[[0]]], None, None, r"y: shape \(1, 1, 1\), must be \(n,\), a column \(n, 1\), or one-hot"),
        (["a", "b"], 3, None, r"prepare\.classes = 3: the labels hold 2 names"),
        (["a", "b"], None, ["x", "y"], r"prepare\.class_names: must be null"),
        (["a", ""], None, None, "y: label '', must be a name"),
        ([0, 1, 2], None, ["x", "y"], r"prepare\.class_names: 2 names for 3 classes"),
        ([0, 1], None, ["x", "x"], r"prepare\.class_names = \['x', 'x'\]: names must differ"),
        (np.array([b"a", b"\xff"]), None, None, "y: labels that are not Unicode text"),
        (["a", "b\nc"], None, None, r"y: label 'b\\nc', must be a name without line breaks"),
        (["a", "\ud800"], None, None, "y: label .* must be a name"),
        (np.array(["a"], "U1").view("u4").astype("u4").__add__(0x110000).view("U1"), None, None, "not Unicode text"),
        ([0, 1, 99_999], None, None, r"y: labels up to 99999, but only 3 of 100000 classes occur; .*prepare\.classes"),
        ([1j, 2j], None, None, "y: dtype complex128"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_labels_of_another_kind_are_one_clear_line(labels: Any, classes: Any, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        numbers(labels, classes, given)
    assert "\n" not in str(caught.value)


def test_sets_whose_labels_are_of_two_forms_are_refused() -> None:
    with pytest.raises(InputError, match="y_train holds names, y_test holds numbers; must be of one form"):
        class_names({"y_train": np.array(["a", "b"]), "y_test": np.array([0, 1])}, None, None)


def test_one_hot_has_a_single_one_in_the_column_of_the_label() -> None:
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(np.array([1], np.uint8), 3).dtype == np.float32


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_test": np.zeros((2, 5, 4))}, r"x_test\.npy: images of \(5, 4, 1\), but .*x_train\.npy has \(4, 5, 1\)"),
        ({"x_test": np.zeros((2, 4, 5, 3))}, r"x_test\.npy: images of \(4, 5, 3\), but .*x_train\.npy has \(4, 5, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(
    tmp_path: Path, changed: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        open_sets(raw(tmp_path, **changed), "channels_last")


def test_arrays_that_fit_are_opened_with_or_without_a_channel_axis(tmp_path: Path) -> None:
    sets = open_sets(raw(tmp_path, x_test=IMAGES[:2, ..., np.newaxis]), "channels_last")
    assert [len(raw_set.images) for raw_set in sets.values()] == [3, 2]


def test_an_array_of_many_chunks_is_written_as_numpy_would_save_it(tmp_path: Path) -> None:
    images = (np.arange(7000 * 28 * 28) % 256).astype(np.uint8).reshape(7000, 28, 28)
    assert images.nbytes * 4 > CHUNK_BYTES
    write_prepared(tmp_path / "x.npy", images, partial(normalize, white=255, image_data_format="channels_last"))
    np.save(tmp_path / "whole.npy", normalize(images, 255, "channels_last"))
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
