"""Raw images and labels of every common form become the same prepared arrays; what is ambiguous gets a line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.prepare.files import open_images
from stages.prepare.labels import class_names, class_numbers
from stages.prepare.scaling import largest_pixel, white_level
from stages.running.process import InputError


def test_flat_images_are_taken_for_square_ones_with_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = np.arange(3 * 16, dtype=np.uint8).reshape(3, 16)
    np.save(tmp_path / "images.npy", flat)
    assert (open_images(tmp_path / "images.npy", "channels_last") == flat.reshape(3, 4, 4)).all()
    assert "images.npy: images of 16 pixels in a row: taken for 4x4" in capsys.readouterr().out


IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("images", "image_data_format", "message"),
    [
        (IMAGES[0], "channels_last", r"shape \(4, 5\), must be \(n, rows, cols\) or \(n, rows, cols, channels\)"),
        (IMAGES, "channels_first", r"shape \(3, 4, 5\), must be \(n, channels, rows, cols\)"),
        (np.zeros((2, 3, 9, 9)), "channels_last", r"with at most 4 channels \(prepare.*; channels_first if these come"),
        (np.zeros((2, 9, 9, 3)), "channels_first", r"with at most 4 channels \(prepare.*channels_first"),
        (IMAGES > 3, "channels_last", "dtype bool, must be an integer or float"),
    ],
)
def test_images_of_another_shape_or_type_are_refused(
    tmp_path: Path, images: np.ndarray, image_data_format: str, message: str
) -> None:
    np.save(tmp_path / "x.npy", images)
    with pytest.raises(InputError, match=r"x\.npy: .*" + message):
        open_images(tmp_path / "x.npy", image_data_format)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_negative_or_infinite_pixels_are_refused_with_the_first_image(bad: float) -> None:
    with pytest.raises(InputError, match=rf"x: image 1 has a pixel of {bad}; must be finite and at least 0") as refused:
        largest_pixel(np.where((IMAGES > 19) & (IMAGES % 20 == 7), bad, IMAGES), "x")
    assert ("must be shifted" in str(refused.value)) == (bad < 0)
    assert largest_pixel(IMAGES, "x") == 59


@pytest.mark.parametrize(("train", "test", "white"), [(255, 130, 255), (128, 255, 255), (65535, 40000, 65535)])
def test_white_is_inferred_where_the_pixels_leave_no_doubt(train: float, test: float, white: float) -> None:
    assert white_level({"x_train": train, "x_test": test}, None) == white


@pytest.mark.parametrize(("train", "test"), [(1, 1), (0, 0), (16, 16), (255, 120), (255, 1), (65535, 255), (300, 300)])
def test_a_doubtful_white_is_an_error_that_names_the_parameter_to_set(train: float, test: float) -> None:
    largest = {"x_train": train, "x_test": test}
    said = rf"x_train has pixels up to {train}, x_test has pixels up to {test}: which value is white\? prepare\.scale"
    with pytest.raises(InputError, match=said):
        white_level(largest, None)
    assert white_level(largest, max(train, test, 1)) == max(train, test, 1)


def test_a_pixel_above_the_given_scale_is_an_error() -> None:
    with pytest.raises(InputError, match=r"x_test: the largest pixel is 17, must be at most prepare\.scale = 16"):
        white_level({"x_train": 16, "x_test": 17}, 16)


def numbers(labels: Any, classes: int | None = None, given: list[str] | None = None) -> tuple[Any, list[int]]:
    labels = np.asarray(labels)
    names = class_names({"y": labels}, classes, given)
    return names, class_numbers(labels, "y", names).tolist()


def test_a_number_of_classes_enforces_it_and_names_are_those_given() -> None:
    assert numbers([0, 1], classes=5)[0] == [0, 1, 2, 3, 4]
    assert numbers([0, 2, 1], given=["shoe", "bag", "coat"]) == (["shoe", "bag", "coat"], [0, 2, 1])


@pytest.mark.parametrize(
    ("labels", "classes", "given", "message"),
    [
        ([0, 1, 10], 10, None, r"y: label 10 in row 2, must be .* in 0\.\.9, below prepare\.classes"),
        ([0, -1], None, None, r"y: label -1 in row 1, must be a whole number in 0\.\.99999"),
        ([0, np.nan], None, None, "y: label nan in row 1"),
        ([0, 1e300], None, None, "y: label 1e[+]300 in row 1"),
        ([0, 0], None, None, "the labels hold one class only"),
        ([[0, 1, 1], [1, 0, 0]], None, None, "y: row 0: one-hot labels must have a single 1"),
        ([[0, 1], [1, 0]], 3, None, "y: one-hot labels of 2 classes, must be 3"),
        ([[[0]]], None, None, r"y: shape \(1, 1, 1\), must be \(n,\), a column \(n, 1\), or one-hot"),
        (["a", "b"], 3, None, r"prepare\.classes = 3: the labels hold 2 names"),
        (["a", "b"], None, ["x", "y"], r"prepare\.class_names: must be null"),
        ([0, 1, 2], None, ["x", "y"], r"prepare\.class_names: 2 names for 3 classes"),
        ([0, 1], None, ["x", "x"], r"prepare\.class_names = \['x', 'x'\]: names must differ"),
        (np.array([b"a", b"\xff"]), None, None, "y: labels that are not Unicode text"),
        (["a", "b\nc"], None, None, r"y: label 'b\\nc', must be a name without line breaks"),
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
