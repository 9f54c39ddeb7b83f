"""Which .npy files are taken, and the one line that each bad one gets."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.arrays.npy import Rows, chunks, open_array, open_rows
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
    images = open_rows(saved(tmp_path, np.asarray(IMAGES, dtype, order=order)))  # type: ignore[call-overload]
    assert images.shape == IMAGES.shape and (images[:] == IMAGES).all() and (images[1:3] == IMAGES[1:3]).all()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_npy_format_version_is_taken(tmp_path: Path, version: tuple[int, int]) -> None:
    assert (open_array(saved(tmp_path, IMAGES, version)) == IMAGES).all()


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


def test_chunks_cover_every_row_once_and_stay_small() -> None:
    array = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1001, 1000, 1000), (0, 0, 0))
    slices = list(chunks(array))
    assert [row for part in slices for row in range(1001)[part]] == list(range(1001))
    assert max(array[part].nbytes for part in slices) <= 16 << 20
