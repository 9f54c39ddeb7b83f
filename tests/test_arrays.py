"""Which arrays are taken, and the one line that each bad one gets."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.arrays.npy import Rows, chunks, open_array
from stages.dataset.checks import check_images, check_labels, check_sets
from stages.running.process import InputError
from tests.project import ROOT

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def saved(tmp_path: Path, array: np.ndarray, version: tuple[int, int] | None = None) -> Path:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version)
    return tmp_path / "a.npy"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "<i2", ">i2", ">u4", "<i8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_integer_or_float_type_byte_order_and_memory_order_is_taken(tmp_path: Path, dtype: str, order: str) -> None:
    images = open_array(saved(tmp_path, np.asarray(IMAGES, dtype, order=order)))  # type: ignore[call-overload]
    assert check_images(images, "x") == 59
    assert (images == IMAGES).all()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_npy_format_version_is_taken(tmp_path: Path, version: tuple[int, int]) -> None:
    assert (open_array(saved(tmp_path, IMAGES, version)) == IMAGES).all()


@pytest.mark.filterwarnings("error")
def test_labels_beyond_every_number_are_one_clear_line_without_numpys_warnings() -> None:
    for value in (np.inf, -np.inf, np.nan, 1e300, 0.5):
        with pytest.raises(InputError, match=r"y: label .* in row 1, must be a whole number in 0\.\.99999"):
            check_labels(np.array([1, value]), "y", 100_000)


@pytest.mark.filterwarnings("error")
def test_a_header_of_absurd_shape_is_one_clear_line_without_numpys_warnings(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**32, 2**32, 28)}
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1000))
    with pytest.raises(InputError, match=r"a\.npy: not a readable"):
        open_array(tmp_path / "a.npy")


def test_rows_are_those_of_the_array_by_slice_and_by_number(tmp_path: Path) -> None:
    rows = Rows(saved(tmp_path, IMAGES, (3, 0)))
    assert rows.shape == IMAGES.shape and rows.dtype == IMAGES.dtype and len(rows) == 3
    for asked in (slice(1, 3), slice(2, 9), slice(9, 9), slice(None, None, -1), np.array([2, 0, 2])):
        assert rows[asked].shape == IMAGES[asked].shape and (rows[asked] == IMAGES[asked]).all()


def test_rows_of_an_array_in_fortran_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.npy: in Fortran order, must be in C order"):
        Rows(saved(tmp_path, np.asfortranarray(IMAGES)))


def test_reading_every_row_takes_no_more_memory_than_a_few(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.float32, (100_000, 28, 28)).flush()  # 300 MB
    script = (
        "import sys, resource, numpy as np; from pathlib import Path; from stages.arrays.npy import Rows\n"
        "rows = Rows(Path(sys.argv[1])); peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows[:100]; before = peak(); order = np.random.default_rng(0).permutation(len(rows))\n"
        "for start in range(0, len(rows), 100): rows[order[start : start + 100]]\n"
        "print((peak() - before) * (1 if sys.platform == 'darwin' else 1024))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "large.npy"], cwd=ROOT, check=True, text=True, capture_output=True
    )
    assert int(run.stdout) < 30e6


def test_images_may_have_a_channel_axis_of_one() -> None:
    assert check_images(IMAGES[..., np.newaxis], "x") == 59


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.npy: no such file"):
        open_array(tmp_path / "nothing.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"hello", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04 no zip"])
def test_what_is_no_npy_file_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npy: "):
        open_array(tmp_path / "a.npy")


def test_pickled_objects_are_refused_and_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "executed",)

    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a readable"):
        open_array(tmp_path / "a.npy")
    assert not (tmp_path / "executed").exists()


def test_a_header_that_claims_more_than_the_file_has_is_refused_before_allocation(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (10**14, 28, 28)})
        file.write(b"\0" * 1000)
    with pytest.raises(InputError, match="not a readable"):
        open_array(tmp_path / "a.npy")


def test_an_npz_archive_under_the_name_of_an_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"is an \.npz archive"):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], r"shape \(4, 5\), must be \(n, rows, cols\)"),
        (np.zeros((3, 4, 5, 3), np.uint8), r"shape \(3, 4, 5, 3\), must be"),
        (IMAGES[:0], "must hold at least one image"),
        (np.zeros((3, 0, 5)), "must hold at least one image"),
        (IMAGES > 3, "dtype bool, must be an integer or float"),
        (IMAGES.astype(complex), "dtype complex128, must be"),
        (IMAGES - 1.0, "pixels from -1.0 to 58.0 in images 0 to 2, must be finite and in 0..255"),
        (IMAGES * 5.0, "pixels from 0.0 to 295.0"),
        (np.where(IMAGES == 7, np.nan, IMAGES), "must be finite"),
        (np.where(IMAGES == 7, np.inf, IMAGES), "must be finite"),
        (IMAGES / 59, "largest pixel is 1; must be on the scale 0..255"),
        (IMAGES * 0, "largest pixel is 0"),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match="^x: .*" + message):
        check_images(images, "x")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 10]), r"label 10 in row 2, must be a whole number in 0\.\.9"),
        (np.array([0, -1, 1]), "label -1 in row 1"),
        (np.array([0.5, 1, 2]), "label 0.5 in row 0"),
        (np.array([0, np.nan, 2]), "label nan in row 1"),
        (np.array([[0, 1], [1, 0]]), r"shape \(2, 2\), must be \(n,\)"),
        (np.array(["a", "b"]), "dtype <U1"),
    ],
)
def test_labels_of_another_kind_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match="^y: .*" + message):
        check_labels(labels, "y", 10)


def test_labels_may_be_floats_if_they_are_whole() -> None:
    check_labels(np.array([0.0, 9.0]), "y", 10)
    with pytest.raises(InputError, match=r"label 9\.5 in row 1"):
        check_labels(np.array([0.0, 9.5]), "y", 10)


def data_set(**changed: np.ndarray) -> dict[str, np.ndarray]:
    images = np.full((3, 4, 5), 200, np.uint8)
    labels = np.array([0, 1, 2])
    return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels} | changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_test": np.array([0, 1])}, "x_test: 3 images, but y_test has 2 labels"),
        ({"x_test": np.full((3, 5, 4), 200)}, r"x_test: images of \(5, 4\), but x_train has \(4, 5\)"),
        ({"x_test": np.full((3, 4, 5), 0.9)}, "x_test: the largest pixel is 0.9"),
        ({"x_test": np.full((3, 4, 5), 16)}, "x_test: pixels up to 16, but x_train has up to 200"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(changed: dict[str, np.ndarray], message: str) -> None:
    arrays = data_set(**changed)
    with pytest.raises(InputError, match=message):
        check_sets(arrays, {name: name for name in arrays}, 10)


def test_a_data_set_that_fits_is_taken() -> None:
    arrays = data_set(x_test=np.full((3, 4, 5, 1), 255.0))
    check_sets(arrays, {name: name for name in arrays}, 10)


def test_chunks_cover_every_row_once_and_stay_small() -> None:
    array = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1001, 1000, 1000), (0, 0, 0))
    slices = list(chunks(array))
    assert [row for part in slices for row in range(1001)[part]] == list(range(1001))
    assert max(array[part].nbytes for part in slices) <= 16 << 20
