"""The arrays on disk, larger than memory perhaps, and what is known of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.arrays.npy import Rows
from stages.arrays.prepared import open_prepared_images
from stages.running.process import InputError
from tests.project import ROOT

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def saved(tmp_path: Path, array: np.ndarray, version: tuple[int, int] | None = None) -> Path:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version)
    return tmp_path / "a.npy"


@pytest.mark.parametrize(("version", "dtype"), [((1, 0), "uint8"), ((2, 0), ">f4"), ((3, 0), "<i8")])
def test_rows_are_those_of_the_array_by_slice_and_by_number(
    tmp_path: Path, version: tuple[int, int], dtype: str
) -> None:
    images = IMAGES.astype(dtype)
    rows = Rows(saved(tmp_path, images, version))
    assert rows.shape == images.shape and rows.dtype == images.dtype and len(rows) == 3
    for asked in (slice(1, 3), slice(2, 9), slice(9, 9), slice(None, None, -1), np.array([2, 0, 2])):
        assert rows[asked].shape == images[asked].shape and (rows[asked] == images[asked]).all()


def test_reading_every_row_takes_no_more_memory_than_a_few(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.float32, (30_000, 28, 28)).flush()  # 94 MB
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


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04 no zip"])
def test_images_of_a_persons_own_that_are_no_array_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npy: not a readable \.npy array: ") as caught:
        open_prepared_images(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


def test_images_of_a_persons_own_must_be_prepared(tmp_path: Path) -> None:
    for images in (IMAGES, IMAGES[..., np.newaxis], IMAGES.astype(np.float32)):
        with pytest.raises(InputError, match=r"a\.npy: .* of shape .*, must be prepared images: float32, 4 dimensions"):
            open_prepared_images(saved(tmp_path, images))
    images = np.asfortranarray(IMAGES[..., np.newaxis].astype(np.float32))
    assert (open_prepared_images(saved(tmp_path, images)) == images).all()


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable"):
        open_prepared_images(saved(tmp_path, np.array([print], dtype=object)))
